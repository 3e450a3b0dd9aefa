/** Lines about what happens; on a terminal they get the time since the start of the run, dimmed. */
export class Progress {
  readonly #begin = Date.now();

  constructor(private readonly out: NodeJS.WriteStream) {
    // Whoever read us may be gone (`npm start | head`); the run goes on.
    out.on('error', () => undefined);
  }

  readonly say = (line: string): void => {
    const seconds = `${((Date.now() - this.#begin) / 1000).toFixed(1).padStart(6)} s`;
    this.print(`${this.#dim(seconds)}  ${line}`);
  };

  print(text: string): void {
    this.out.write(`${text}\n`);
  }

  get elapsed(): string {
    return `${((Date.now() - this.#begin) / 1000).toFixed(1)} s`;
  }

  #dim(text: string): string {
    return this.out.isTTY ? `\x1b[2m${text}\x1b[0m` : text;
  }
}
