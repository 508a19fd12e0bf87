// Bytes that strangers sent, as text that shows each of them and obeys none.

export interface Piece {
  text: string
  escaped?: true // stands for bytes that cannot be shown
  found?: true // what a rule found
}

const utf8 = new TextEncoder()
const omitted = utf8.encode('…')

// factBytes is a fact of an event as it came.
export function factBytes(e: { facts?: Record<string, string>; raw_facts?: Record<string, string> }, key: string): Uint8Array | undefined {
  const raw = e.raw_facts?.[key]
  if (raw !== undefined) return Uint8Array.from(atob(raw), (c) => c.charCodeAt(0))
  const fact = e.facts?.[key]
  return fact === undefined ? undefined : utf8.encode(fact)
}

export const bytesOf = (text: string): Uint8Array => utf8.encode(text)

export function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.length === b.length && a.every((x, i) => x === b[i]))
}

export function indexOf(all: Uint8Array, part: Uint8Array, from = 0): number {
  if (part.length === 0) return -1
  for (let at = from; at + part.length <= all.length; at++) {
    let n = 0
    while (n < part.length && all[at + n] === part[n]) n++
    if (n === part.length) return at
  }
  return -1
}

// place is where what was found stands, as [from, to); undefined if it does not
// stand in the value as such. What was cut in the record is found by its beginning.
export function place(value: Uint8Array, found: Uint8Array | undefined, from = 0): [number, number] | undefined {
  if (!found) return undefined
  for (const part of [found, uncut(found)]) {
    const at = indexOf(value, part, from)
    if (at >= 0) return [at, at + part.length]
  }
  return undefined
}

function uncut(found: Uint8Array): Uint8Array {
  const kept = found.length - omitted.length
  return kept > 0 && same(found.subarray(kept), omitted) ? found.subarray(0, kept) : found
}

// pieces writes a value: bytes that are no UTF-8 as \xff, characters that cannot
// be seen or would be obeyed as \x00 or \u{202e}.
export function pieces(value: Uint8Array, found?: [number, number]): Piece[] {
  const out: Piece[] = []
  const [from, to] = found ?? [0, 0]
  for (let at = 0; at < value.length; ) {
    const size = sequence(value, at)
    const inside = at < to && at + Math.max(size, 1) > from
    if (size === 0) add(out, '\\x' + hex(value[at]!), true, inside)
    else {
      const char = new TextDecoder('utf-8', { ignoreBOM: true }).decode(value.subarray(at, at + size))
      add(out, hidden(char) ? escape(char) : char, hidden(char), inside)
    }
    at += Math.max(size, 1)
  }
  return out
}

function add(out: Piece[], text: string, escaped: boolean, found: boolean) {
  const last = out[out.length - 1]
  if (last && !!last.escaped === escaped && !!last.found === found) {
    last.text += text
    return
  }
  const piece: Piece = { text }
  if (escaped) piece.escaped = true
  if (found) piece.found = true
  out.push(piece)
}

// Control characters, spaces that are none, marks of direction, and what joins
// or is not assigned.
const unseen = /^[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u3164\uffa0]|^(?! )\p{Zs}/u
const hidden = (char: string) => unseen.test(char)

function escape(char: string): string {
  const code = char.codePointAt(0)!
  return code < 0x80 ? '\\x' + hex(code) : `\\u{${code.toString(16)}}`
}

const hex = (n: number) => n.toString(16).padStart(2, '0')

// sequence is the length of the UTF-8 sequence that begins at a byte, 0 if none does.
function sequence(b: Uint8Array, at: number): number {
  const first = b[at]!
  const size = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0
  for (let i = 1; i < size; i++) if (((b[at + i] ?? 0) & 0xc0) !== 0x80) return 0
  const second = b[at + 1] ?? 0
  const wrong = (first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f) || (first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)
  return wrong ? 0 : size
}

// fold leaves of a long value what was found and what is around it. cut tells
// whether something was left out.
export function fold(all: readonly Piece[], most: number): { shown: Piece[]; cut: boolean } {
  const length = all.reduce((n, p) => n + p.text.length, 0)
  if (length <= most) return { shown: [...all], cut: false }
  let before = 0
  const first = all.findIndex((p) => p.found)
  for (let i = 0; i < first; i++) before += all[i]!.text.length
  const start = Math.max(0, Math.min(before - Math.floor(most / 4), length - most))
  const shown: Piece[] = []
  let at = 0
  for (const p of all) {
    const from = Math.max(start - at, 0)
    const to = Math.min(start + most - at, p.text.length)
    if (from < to) shown.push(p.escaped ? p : { ...p, text: wholePart(p.text, from, to) })
    at += p.text.length
  }
  if (start > 0) shown.unshift({ text: '…' })
  if (start + most < length) shown.push({ text: '…' })
  return { shown, cut: true }
}

// wholePart cuts no character in two.
function wholePart(text: string, from: number, to: number): string {
  const trails = (i: number) => i > 0 && i < text.length && (text.charCodeAt(i) & 0xfc00) === 0xdc00
  return text.slice(trails(from) ? from - 1 : from, trails(to) ? to - 1 : to)
}
