import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Edge } from './rules.js';

interface Graph {
  graph: { nodes: Record<string, { data: { root: string } }>; dependencies: Record<string, { source: string; target: string }[]> };
}

/** What Nx knows of who depends on whom: package.json, and imports as its own parser finds them. */
export const nxEdges = async (root: string): Promise<Edge[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'darkspere-nx-'));
  try {
    const file = join(dir, 'graph.json');
    const env = { ...process.env, NX_DAEMON: 'false', CI: 'true' };
    await promisify(execFile)(process.execPath, [join(root, 'node_modules/nx/dist/bin/nx.js'), 'graph', `--file=${file}`], {
      cwd: root,
      env,
      timeout: 120_000,
    });
    const { graph } = JSON.parse(readFileSync(file, 'utf8')) as Graph;
    const pathOf = (name: string): string | undefined => graph.nodes[name]?.data.root;
    return Object.values(graph.dependencies)
      .flat()
      .flatMap(({ source, target }): Edge[] => {
        const [from, to] = [pathOf(source), pathOf(target)];
        return from && to && from !== to ? [[from, to]] : [];
      });
  } finally {
    rmSync(dir, { recursive: true });
  }
};
