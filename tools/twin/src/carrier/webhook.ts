/** The app's address as the carrier knows it (`signUrl`, what signatures cover) and as this machine reaches it. */
export class Webhook {
  readonly requestUrl: URL;
  readonly signUrl: string;
  readonly #publicOrigin: string;

  constructor(url: string, signUrl?: string) {
    this.requestUrl = new URL(url);
    this.signUrl = signUrl ?? url;
    this.#publicOrigin = new URL(this.signUrl).origin;
  }

  /** A callback URL of a TwiML answer, which may be relative, as the public address; null if it is none. */
  resolve(reference: string): string | null {
    return URL.canParse(reference, this.signUrl) ? new URL(reference, this.signUrl).href : null;
  }

  /** Where a public URL of the app is reached from here; URLs elsewhere stay as they are. */
  reach(publicUrl: string): URL {
    const url = new URL(publicUrl);
    return url.origin === this.#publicOrigin ? new URL(url.pathname + url.search, this.requestUrl.origin) : url;
  }
}
