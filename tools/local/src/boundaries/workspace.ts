import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** One import statement: which file wants what. Type-only imports count. */
export interface Import {
  /** From the workspace's root. */
  file: string;
  specifier: string;
  /** A spec, a fixture or harness of specs, or anything under test/. */
  isTest: boolean;
}

export interface Project {
  /** apps/billing */
  path: string;
  /** @darkspere/billing */
  name: string;
  dependencies: string[];
  devDependencies: string[];
  imports: Import[];
}

export interface Workspace {
  projects: Project[];
  /** Of the root package.json: tools that any test may use. */
  devDependencies: string[];
}

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** The projects under apps, libs and tools of the workspace at `root`, with what they declare and import. */
export const readWorkspace = (root: string): Workspace => {
  const paths = ['apps', 'libs', 'tools'].flatMap((parent) => namesIn(join(root, parent)).map((name) => join(parent, name)));
  return {
    projects: paths.filter((path) => existsSync(join(root, path, 'package.json'))).map((path) => readProject(root, path)),
    devDependencies: Object.keys(manifestOf(root).devDependencies ?? {}),
  };
};

const readProject = (root: string, path: string): Project => {
  const { name, dependencies = {}, devDependencies = {} } = manifestOf(join(root, path));
  const files = ['src', 'test'].flatMap((dir) => sourcesIn(join(root, path, dir)));
  return {
    path,
    name,
    dependencies: Object.keys(dependencies),
    devDependencies: Object.keys(devDependencies),
    imports: files.flatMap((file) =>
      importsOf(readFileSync(file, 'utf8')).map((specifier) => ({
        file: relative(root, file),
        specifier,
        isTest: isTest(path, relative(root, file)),
      })),
    ),
  };
};

const manifestOf = (dir: string): Manifest => JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Manifest;

const namesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);

const sourcesIn = (dir: string): string[] =>
  existsSync(dir)
    ? readdirSync(dir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name) && !entry.parentPath.includes('node_modules'))
        .map((entry) => join(entry.parentPath, entry.name))
    : [];

const isTest = (project: string, file: string): boolean =>
  file.startsWith(join(project, 'test/')) || /[.-](?:spec|fixture|harness)\.[cm]?[jt]s$/.test(file);

/** Comments and strings, whichever begins first: each may hold what looks like the other, or like an import. */
const COMMENT_OR_STRING = /\/\/[^\n]*|\/\*[^]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[^])*`/g;
/** In code whose strings have become numbers in quotes. */
const IMPORT = /\b(?:import|export)\b[^"`;()]*?\bfrom\s*"(\d+)"|\bimport\s*"(\d+)"|\b(?:import|require)\s*\(\s*"(\d+)"/g;

/** Specifiers of all static and (literal) dynamic imports in a source text. */
export const importsOf = (source: string): string[] => {
  const strings: string[] = [];
  const code = source.replace(COMMENT_OR_STRING, (part) => (/^['"]/.test(part) ? `"${strings.push(part.slice(1, -1)) - 1}"` : ' '));
  return [...code.matchAll(IMPORT)].map((match) => strings[Number(match[1] ?? match[2] ?? match[3])]!);
};
