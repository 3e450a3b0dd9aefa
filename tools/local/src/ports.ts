import { isPortFree, ServerError } from '@darkspere/testing';

/** Throws one `ServerError` that names every port of `wanted` which another program has. */
export const checkPorts = async (wanted: Readonly<Record<string, number>>): Promise<void> => {
  const faults = await Promise.all(
    Object.entries(wanted).map(async ([name, port]) =>
      (await isPortFree(port)) ? [] : [`Port ${port}, which ${name} needs, is in use by another program.`],
    ),
  );
  if (faults.flat().length === 0) return;
  throw new ServerError(
    [...faults.flat(), 'End that program, or move every port of this run, for example: DARKSPERE_PORT_OFFSET=1000 npm start'].join('\n'),
  );
};
