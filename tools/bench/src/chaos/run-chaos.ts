import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { audit, type Audit } from './audit.js';
import { hireCast } from './cast.js';
import { readStored, unfinished, type Stored } from './database.js';
import type { Evidence } from './evidence.js';
import { Load } from './load.js';
import type { ChaosOptions } from './options.js';
import { planTroubles } from './plan.js';
import { Progress } from './progress.js';
import { Random } from './random.js';
import { resultOf, summaryOf, type ChaosResult } from './report.js';
import { Stack } from './stack.js';
import { traceOf } from './trace.js';
import { TroubleMaker } from './trouble-maker.js';
import { TwinClient, type TwinEvent } from './twin.client.js';

const PROGRESS_MS = 5_000;
const QUIET_LIMIT_MS = 75_000;
/** Nothing may come any more after this long without unfinished work: a second answer would have to be on its way. */
const QUIET_FOR_MS = 3_000;

/** Starts a system of its own, texts it while its parts are killed, and audits what the phones received. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosResult> => {
  const { home, say, seed, signal } = options;
  const dir = home ?? mkdtempSync(join(realpathSync(tmpdir()), 'darkspere-chaos-'));
  say(`seed ${seed}; starting a system in ${dir}`);
  const stack = await Stack.start(dir, signal).catch((error: unknown) => {
    if (home === null) rmSync(dir, { recursive: true, force: true });
    throw error;
  });
  let result: ChaosResult | undefined;
  try {
    result = await withStack(stack, options);
    return result;
  } finally {
    await stack.stop();
    if (home === null && (result?.ok || signal?.aborted)) rmSync(dir, { recursive: true, force: true });
    else say(`data, logs and findings stay in ${dir}`);
  }
};

const withStack = async (stack: Stack, options: ChaosOptions): Promise<ChaosResult> => {
  const { seconds, rate, seed, phones, killEverySeconds, say, signal } = options;
  const { twinUrl, number, databaseUrl, processes } = stack.record;
  const twin = new TwinClient(twinUrl);
  // Not the twin: it is the outside world, and its memory is our evidence.
  const victims = options.victims ?? [...processes.map(({ name }) => name).filter((name) => name !== 'twin'), 'agents'];
  const lines = await hireCast(stack);
  const load = new Load({ twin, lines, teamNumber: number, random: new Random(`${seed}:load`), rate, phones });
  const trouble = new TroubleMaker(stack, twin, say);
  const progress = new Progress(twin, load, trouble.happened);
  const plan = planTroubles(new Random(`${seed}:troubles`), { seconds, killEverySeconds, victims });
  say(`${rate} texts a second for ${seconds} s from ${phones} phones, ${plan.length} troubles`);

  const timer = setInterval(() => void progress.line().then(say, () => undefined), PROGRESS_MS);
  let quietAfterMs: number | null;
  try {
    await Promise.all([load.run(seconds * 1_000, signal), trouble.run(plan, signal)]);
    signal?.throwIfAborted();
    say('all texts are sent, everything is healed; waiting for quiet');
    quietAfterMs = await quiet(databaseUrl, twin, load, signal);
  } finally {
    clearInterval(timer);
  }
  say(
    quietAfterMs === null
      ? `not quiet after ${QUIET_LIMIT_MS / 1_000} s: auditing what there is`
      : `quiet after ${(quietAfterMs / 1_000).toFixed(1)} s: auditing`,
  );

  await progress.line();
  const stored = await readStored(databaseUrl);
  const evidence: Evidence = {
    sent: load.sent,
    reposted: load.reposted,
    log: twin.log,
    inbox: await inboxes(twin, load),
    happened: trouble.happened,
    ...stored,
  };
  const found = audit(evidence);
  const turnCalls = Map.groupBy(
    (await twin.calls()).filter(({ turn_id, outcome }) => turn_id !== null && outcome === 'finished'),
    ({ turn_id }) => turn_id,
  );
  const result = resultOf({ seconds, rate, seed }, found, trouble.happened, stored.breaches, {
    quiet_after_ms: quietAfterMs,
    asked_more_than_once: [...turnCalls.values()].filter((calls) => calls.length > 1).length,
    alerts: stored.alerts,
  });
  keepFindings(stack.home, found, stored, evidence);
  say(summaryOf(result, found.findings, stored.breaches));
  return result;
};

/** Resolves with how long it took until nothing was unfinished, or null when the time is up. */
const quiet = async (databaseUrl: string, twin: TwinClient, load: Load, signal?: AbortSignal): Promise<number | null> => {
  const begin = Date.now();
  let since: number | null = null;
  for (; Date.now() - begin < QUIET_LIMIT_MS && !signal?.aborted; await sleep(500)) {
    await twin.readLog();
    const isQuiet = (await unfinished(databaseUrl)) === 0 && webhooksUnderWay(twin.log, load) === 0;
    since = isQuiet ? (since ?? Date.now()) : null;
    if (since !== null && Date.now() - since >= QUIET_FOR_MS) return since - begin;
  }
  return null;
};

/** Texts that the carrier may still post: it has had no answer below 500 yet, and its time is not up. */
const webhooksUnderWay = (log: readonly TwinEvent[], load: Load): number => {
  const ended = new Set(
    log.filter(({ type, http_status: status = 500 }) => type === 'webhook.answered' && status < 500).map(({ sid }) => sid),
  );
  const newest = new Map(log.filter(({ type }) => type === 'text.sent').map(({ sid, at }) => [sid, at]));
  return load.sent.filter(({ sid }) => !ended.has(sid) && Date.now() - (newest.get(sid) ?? 0) < 16_000).length;
};

/** What every phone received; the twin counts its messages over all phones. */
const inboxes = async (twin: TwinClient, load: Load): Promise<Evidence['inbox']> => {
  const phones = [...new Set(load.sent.map(({ phone }) => phone))];
  const messages = [];
  for (const phone of phones) messages.push(...(await twin.inbox(phone)));
  const delivered = twin.log.filter(({ type }) => type === 'message.delivered').length;
  if (delivered !== messages.length) throw new Error(`The twin delivered ${delivered} messages, the phones have ${messages.length}.`);
  return messages.sort((a, b) => a.seq - b.seq);
};

/** With the whole way of each text that is named, and of those that waited longest. */
const keepFindings = (home: string, { findings, slowest, recoveries }: Audit, { breaches }: Stored, evidence: Evidence): void => {
  const trace = (sid: string | null): object | null => (sid === null ? null : traceOf(sid, evidence));
  const kept = {
    findings: findings.map((finding) => ({ ...finding, trace: trace(finding.sid), otherTrace: trace(finding.other ?? null) })),
    slowest: slowest.map(trace),
    breaches,
    recoveries,
    happened: evidence.happened,
  };
  writeFileSync(join(home, 'chaos-findings.json'), JSON.stringify(kept, null, 2), { mode: 0o600 });
};
