export interface XmlElement {
  name: string;
  attributes: Record<string, string>;
  children: (XmlElement | string)[];
}

export class XmlError extends Error {}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const MAX_DEPTH = 32;
const NAME = /[A-Za-z_][\w.:-]*/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
const TAG_END = /\s*(\/?)>/y;

const character = (digits: string, radix: number): string => {
  const code = Number.parseInt(digits, radix);
  const isAllowed =
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 0x20 && code < 0xd800) ||
    (code > 0xdfff && code < 0xfffe) ||
    (code > 0xffff && code <= 0x10ffff);
  if (!isAllowed) throw new XmlError('A character reference names a character that XML does not allow');
  return String.fromCodePoint(code);
};

const entity = (name: string): string => {
  const decimal = /^#(\d{1,7})$/.exec(name)?.[1];
  if (decimal) return character(decimal, 10);
  const hex = /^#x([\da-fA-F]{1,6})$/.exec(name)?.[1];
  if (hex) return character(hex, 16);
  const known = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
  if (known === undefined) throw new XmlError(`Unknown entity &${name.slice(0, 20)};`);
  return known;
};

const unescapeText = (text: string): string => {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]{0,12})(;?)/g, (_, name: string, end: string) => {
    if (end === '') throw new XmlError('A bare & is not allowed');
    return entity(name);
  });
};

/**
 * Reads a document of elements, attributes, text, CDATA, comments and processing instructions. A DOCTYPE is refused,
 * so nothing in a document can make it grow. Throws `XmlError` for what is not well-formed.
 */
export const parseXml = (source: string): XmlElement => {
  const text = source.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  const open: XmlElement[] = [];
  let root: XmlElement | undefined;
  let at = 0;

  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const skipPast = (end: string): string => {
    const stop = text.indexOf(end, at);
    if (stop < 0) throw new XmlError(`${end} is missing`);
    const skipped = text.slice(at, stop);
    at = stop + end.length;
    return skipped;
  };
  const addText = (value: string): void => {
    const parent = open.at(-1);
    if (parent) parent.children.push(value);
    else if (value.trim() !== '') throw new XmlError('Text outside of the document element');
  };
  const addElement = (): void => {
    const name = read(NAME)?.[0];
    if (!name) throw new XmlError('A tag has no name');
    const element: XmlElement = { name, attributes: {}, children: [] };
    for (let match = read(ATTRIBUTE); match; match = read(ATTRIBUTE)) {
      const attribute = match[1] as string;
      if (Object.hasOwn(element.attributes, attribute)) throw new XmlError(`Attribute ${attribute} is given twice`);
      const value = unescapeText(match[2] ?? match[3] ?? '');
      Object.defineProperty(element.attributes, attribute, { value, enumerable: true });
    }
    const end = read(TAG_END);
    if (!end) throw new XmlError(`The tag <${name}> is not closed`);
    const parent = open.at(-1);
    if (parent) parent.children.push(element);
    else if (root) throw new XmlError('There is more than one document element');
    else root = element;
    if (end[1] === '/') return;
    open.push(element);
    if (open.length > MAX_DEPTH) throw new XmlError('Elements are nested too deeply');
  };

  while (at < text.length) {
    const next = text.indexOf('<', at);
    if (next !== at) {
      addText(unescapeText(text.slice(at, next < 0 ? text.length : next)));
      at = next < 0 ? text.length : next;
    } else if (text.startsWith('<!--', at)) {
      at += 4;
      skipPast('-->');
    } else if (text.startsWith('<![CDATA[', at)) {
      at += 9;
      addText(skipPast(']]>'));
    } else if (text.startsWith('<?', at)) {
      skipPast('?>');
    } else if (text.startsWith('<!', at)) {
      throw new XmlError('A DOCTYPE is not allowed');
    } else if (text.startsWith('</', at)) {
      at += 2;
      const name = skipPast('>').trimEnd();
      if (open.pop()?.name !== name) throw new XmlError(`</${name.slice(0, 20)}> closes nothing`);
    } else {
      at += 1;
      addElement();
    }
  }
  const unclosed = open.at(-1);
  if (unclosed) throw new XmlError(`The tag <${unclosed.name}> is not closed`);
  if (!root) throw new XmlError('There is no document element');
  return root;
};
