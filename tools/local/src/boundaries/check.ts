import { nxEdges } from './nx-graph.js';
import { violations } from './rules.js';
import { readWorkspace } from './workspace.js';

/** What breaks the directions between the projects of the workspace at `root`. */
export const checkBoundaries = async (root: string): Promise<string[]> => violations(readWorkspace(root), await nxEdges(root));
