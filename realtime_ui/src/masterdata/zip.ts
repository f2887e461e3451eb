/** Several files as one zip, unpacked as it is: the server judges them together. (APPNOTE.TXT 4.3) */

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (TABLE[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

const UTF8_NAMES = 0x0800;
const FIRST_DAY = 0x0021;

function numbers(...parts: readonly (readonly [value: number, bytes: 2 | 4])[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(parts.reduce((sum, [, bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [value, bytes] of parts) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

export interface Named {
  name: string;
  content: Uint8Array<ArrayBuffer>;
}

/** A zip of some files. */
export function zipped(files: readonly Named[]): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  let listed = 0;
  for (const { name, content } of files) {
    const title = new TextEncoder().encode(name);
    const said = [[20, 2], [UTF8_NAMES, 2], [0, 2], [0, 2], [FIRST_DAY, 2], [crc32(content), 4], [content.length, 4], [content.length, 4], [title.length, 2], [0, 2]] as const;
    const head = numbers([0x04034b50, 4], ...said);
    const entry = numbers([0x02014b50, 4], [20, 2], ...said, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
    parts.push(head, title, content);
    directory.push(entry, title);
    offset += head.length + title.length + content.length;
    listed += entry.length + title.length;
  }
  const end = numbers([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [listed, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
