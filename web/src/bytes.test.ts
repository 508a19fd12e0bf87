import { expect, test } from 'vitest'
import { bytesOf, factBytes, fold, pieces, place } from './bytes'

const plain = (value: Uint8Array) => pieces(value).map((p) => p.text).join('')

test('what cannot be seen is escaped', () => {
  expect(plain(Uint8Array.of(0x61, 0xff, 0xfe, 0x00, 0x62))).toBe('a\\xff\\xfe\\x00b')
  expect(plain(bytesOf('a\r\n\t\x1b[31m\x7f'))).toBe('a\\x0d\\x0a\\x09\\x1b[31m\\x7f')
  expect(plain(bytesOf('\u202etxt.exe\u200b\u00a0\u0085\ufeff'))).toBe('\\u{202e}txt.exe\\u{200b}\\u{a0}\\u{85}\\u{feff}')
  expect(plain(bytesOf('Größe 東 😀 <b>'))).toBe('Größe 東 😀 <b>')
})

test('overlong, cut and surrogate sequences are bytes', () => {
  expect(plain(Uint8Array.of(0xc0, 0xae))).toBe('\\xc0\\xae')
  expect(plain(Uint8Array.of(0xe2, 0x82))).toBe('\\xe2\\x82')
  expect(plain(Uint8Array.of(0xed, 0xa0, 0x80))).toBe('\\xed\\xa0\\x80')
  expect(plain(Uint8Array.of(0xe0, 0x80, 0xaf))).toBe('\\xe0\\x80\\xaf')
  expect(plain(Uint8Array.of(0xf4, 0x90, 0x80, 0x80))).toBe('\\xf4\\x90\\x80\\x80')
})

test('every byte is shown, and text decodes back', () => {
  for (let n = 0; n < 2000; n++) {
    const value = Uint8Array.from({ length: n % 40 }, (_, i) => (n * 7919 + i * i * 104_729) >> (n % 9) & 0xff)
    const back = pieces(value).flatMap((p) => (p.escaped
      ? [...p.text.matchAll(/\\x(..)|\\u\{(.+?)\}/g)].flatMap((m) => (m[1] ? [parseInt(m[1], 16)] : [...bytesOf(String.fromCodePoint(parseInt(m[2]!, 16)))]))
      : [...bytesOf(p.text)]))
    expect(back).toEqual([...value])
  }
})

test('what was found is marked', () => {
  const value = bytesOf("1' OR 1=1\0")
  expect(pieces(value, place(value, bytesOf('OR 1=1\0')))).toEqual([
    { text: "1' " }, { text: 'OR 1=1', found: true }, { text: '\\x00', escaped: true, found: true },
  ])
  expect(place(value, bytesOf('nowhere'))).toBeUndefined()
  expect(place(value, bytesOf(''))).toBeUndefined()
  expect(place(value, bytesOf('OR…'))).toEqual([3, 5])
})

test('a fact that is no UTF-8 comes as it was', () => {
  expect([...factBytes({ facts: { value: '\ufffd' }, raw_facts: { value: '/w==' } }, 'value')!]).toEqual([0xff])
  expect(factBytes({ facts: {} }, 'value')).toBeUndefined()
})

test('a long value is folded around what was found', () => {
  const value = bytesOf('a'.repeat(300) + 'XX' + 'b'.repeat(300))
  const { shown, cut } = fold(pieces(value, [300, 302]), 40)
  expect(cut).toBe(true)
  expect(shown.map((p) => p.text).join('')).toBe('…' + 'a'.repeat(10) + 'XX' + 'b'.repeat(28) + '…')
  expect(shown.find((p) => p.found)?.text).toBe('XX')
  expect(fold(pieces(bytesOf('short')), 40)).toEqual({ shown: [{ text: 'short' }], cut: false })
})

test('folding cuts no character and no escape in two', () => {
  for (let most = 5; most < 30; most++) {
    for (const p of fold(pieces(bytesOf('😀'.repeat(60)), [80, 84]), most).shown) expect(p.text).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/)
    const odd = fold(pieces(Uint8Array.from({ length: 50 }, (_, i) => (i % 3 ? 0x61 : 0xff))), most).shown
    for (const p of odd) if (p.escaped) expect(p.text).toBe('\\xff')
  }
})
