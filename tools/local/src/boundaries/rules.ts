import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import type { Import, Project, Workspace } from './workspace.js';

/** `from` depends on `to`, as paths of projects. */
export type Edge = readonly [from: string, to: string];

/** Who may use what only one part has a reason to know. Tools stand in for the outside world and may use any. */
const VENDORS: readonly (readonly [name: string | RegExp, allowed: readonly string[]])[] = [
  ['twilio', ['apps/sms-gateway']],
  ['stripe', ['apps/billing']],
  [/^@modelcontextprotocol\//, ['apps/mcp-adapter', 'libs/agent-kit']],
  ['neo4j-driver', ['libs/memory']],
];

/** No I/O and no clock: what pure rules may use of Node. */
const PURE_BUILTINS = ['node:crypto', 'node:zlib', 'node:util', 'node:assert', 'node:buffer'];

const DOMAIN = 'libs/domain';
const CONTRACTS = 'libs/contracts';
const TESTING = 'libs/testing';

/** Every breach of the directions in REVIEW.md, one sentence each. `edges`: what another tool knows of the graph. */
export const violations = (workspace: Workspace, edges: readonly Edge[] = []): string[] => {
  const { projects } = workspace;
  const byName = new Map(projects.map((project) => [project.name, project]));
  const found = projects.flatMap((project) => [
    ...project.imports.flatMap((entry) => importFaults(entry, project, workspace, byName)),
    ...[...project.dependencies, ...project.devDependencies].flatMap((name) =>
      vendorFaults(name, project).map((fault) => `${project.path}/package.json ${fault}`),
    ),
  ]);
  const declared = projects.flatMap((project) => project.dependencies.flatMap((name) => edgeTo(project, byName.get(name))));
  const imported = projects.flatMap((project) =>
    project.imports.flatMap(({ specifier }) => edgeTo(project, byName.get(packageOf(specifier)))),
  );
  const all = [...declared, ...imported, ...edges];
  const directions = all.flatMap(([from, to]) => directionFault(from, to, false).map((fault) => `${from} ${fault}`));
  return [...new Set([...found, ...directions, ...cycles(all)])].sort();
};

const importFaults = (
  { file, specifier, isTest }: Import,
  project: Project,
  workspace: Workspace,
  byName: ReadonlyMap<string, Project>,
): string[] => {
  if (specifier.startsWith('.'))
    return join(dirname(file), specifier).startsWith(`${project.path}/`) ? [] : [`${file} reaches into another project: ${specifier}`];
  if (isBuiltin(specifier))
    return isPure(project) && !isTest && !PURE_BUILTINS.includes(specifier) ? [`${file} is pure and imports ${specifier}`] : [];
  const name = packageOf(specifier);
  const target = byName.get(name);
  if (target === project) return isTest ? [] : [`${file} imports its own package by name`];
  const usable = [...project.dependencies, ...(isTest ? [...project.devDependencies, ...workspace.devDependencies, '@jest/globals'] : [])];
  return [
    ...(usable.includes(name) ? [] : [`${file} imports ${name}, which ${project.path}/package.json does not declare`]),
    ...vendorFaults(name, project).map((fault) => `${file} ${fault}`),
    ...(target ? directionFault(project.path, target.path, isTest, true).map((fault) => `${file} ${fault}`) : []),
    ...(!target && !isTest ? outsideFaults(name, project).map((fault) => `${file} ${fault}`) : []),
  ];
};

const isPure = ({ path }: Project): boolean => path === DOMAIN || path === CONTRACTS;

const outsideFaults = (name: string, { path }: Project): string[] => {
  if (path === DOMAIN) return [`imports ${name}, and domain imports nothing`];
  return path === CONTRACTS && name !== 'zod' ? [`imports ${name}, and contracts imports only zod and domain`] : [];
};

const vendorFaults = (name: string, { path }: Project): string[] => {
  const allowed = VENDORS.find(([vendor]) => (typeof vendor === 'string' ? vendor === name : vendor.test(name)))?.[1];
  return !allowed || allowed.includes(path) || path.startsWith('tools/')
    ? []
    : [`uses ${name}, which is for ${allowed.join(' and ')} only`];
};

/** `knowsFile`: the file is known, so that what tests may do can be told from what the product may do. */
const directionFault = (from: string, to: string, isTest: boolean, knowsFile = false): string[] => {
  if (to.startsWith('apps/')) return [`imports the app ${to}: apps talk through contracts`];
  if (from === DOMAIN && !(isTest || to === TESTING)) return [`imports ${to}, and domain imports nothing`];
  if (from === CONTRACTS && to !== DOMAIN && !(isTest || to === TESTING))
    return [`imports ${to}, and contracts imports only zod and domain`];
  if (from === TESTING) return [`imports ${to}, whose own tests use testing`];
  if (!knowsFile || isTest || from.startsWith('tools/')) return [];
  if (to === TESTING) return [`imports ${to}, which is for tests and tools`];
  return to.startsWith('tools/') ? [`imports the tool ${to}`] : [];
};

const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

const edgeTo = (from: Project, to: Project | undefined): Edge[] => (to && to !== from ? [[from.path, to.path]] : []);

const cycles = (edges: readonly Edge[]): string[] => {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) next.set(from, (next.get(from) ?? new Set()).add(to));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (node: string, path: readonly string[]): void => {
    const at = path.indexOf(node);
    if (at >= 0) return void found.push(`the projects depend on each other in a circle: ${[...path.slice(at), node].join(' → ')}`);
    if (done.has(node)) return;
    for (const to of next.get(node) ?? []) visit(to, [...path, node]);
    done.add(node);
  };
  for (const node of [...next.keys()].sort()) visit(node, []);
  return found;
};
