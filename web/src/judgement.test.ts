import { expect, test } from 'vitest'
import { judgement, refuses, setting, sum, unseen } from './judgement'
import type { Event, Exchange } from './types'
import { happening, searchable, tone } from './words'

const x: Exchange = { id: 'x1', conn: 'c1', method: 'GET', target: '/a?q=..&b=..', request_headers: [['X-Note', 'one'], ['x-note', 'drop table']] }
const match = (rule: string, adds: string, facts: Record<string, string> = {}): Event =>
  ({ kind: 'waf-match', exchange: 'x1', text: 'message of ' + rule, facts: { rule, adds, severity: 'critical', target: 'ARGS:q', ...facts } })
const decided = (by: string, text: string, facts: Record<string, string> = {}): Event => ({ kind: 'decision', exchange: 'x1', text, facts: { by, ...facts } })
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)

test('a request that the WAF blocked', () => {
  const w = judgement(x, [
    match('942100', '5', { value: 'a%20b', compared: 'A B', matched: 'A', steps: 'urlDecodeUni a b\nuppercase A B', further: '2' }),
    match('942130', '0'),
    match('941100', '3'),
    { ...match('1', '5'), exchange: 'x2' },
    decided('waf', 'block: the WAF refuses the request: it scores 8 of 5', { score: '8', threshold: '5', paranoia: '1', engine: 'plan', unseen: 'more' }),
  ])!.waf!
  expect([w.verdict, w.score, w.threshold, w.paranoia, w.engine]).toEqual(['refused', 8, 5, '1', 'plan'])
  expect(w.scoring.map((m) => m.rule)).toEqual(['942100', '941100'])
  expect(w.rest.map((m) => m.rule)).toEqual(['942130'])
  expect(w.scoring[0]!.values.map((v) => [v.name, v.made, text(v.bytes), v.found])).toEqual([
    ['as it stood', false, 'a%20b', undefined], ['urlDecodeUni', true, 'a b', undefined], ['uppercase', true, 'A B', [0, 1]],
  ])
  expect(w.scoring[0]!.further).toBe(2)
  expect(sum(w)).toBe('5 + 3 = 8')
  expect(unseen(w)).toMatch(/^The body went on/)
})

test('the last value is told once, though its line ends became blanks', () => {
  const of = (facts: Record<string, string>) => judgement(x, [match('1', '5', facts)])!.waf!.scoring[0]!.values.map((v) => v.name)
  expect(of({ value: 'v', steps: 'none a b', compared: 'a\nb' })).toEqual(['as it stood', 'none'])
  expect(of({ value: 'v', steps: 'none a b', compared: 'other' })).toEqual(['as it stood', 'none', 'as it was compared'])
  expect(of({ value: 'v' })).toEqual(['as it stood'])
  expect(of({ compared: 'c' })).toEqual(['as it was compared'])
})

test('a sum that the record does not have is not guessed', () => {
  const of = (score: number | undefined, ...adds: string[]) => sum({ ...judgement(x, adds.map((a) => match('1', a)))!.waf!, ...(score === undefined ? {} : { score }) })
  expect(of(5, '5')).toBe('5')
  expect(of(15, '5', '5')).toBe('15')
  expect(of(undefined, '5')).toBe('')
  expect(of(65, ...Array(13).fill('5'))).toBe('5 + 5 + 5 + 5 + 5 + 5 + 5 + 5 + 5 + 5 + 5 + … (13 rules) = 65')
})

test('what was refused weighs more than what passed later', () => {
  const w = (...texts: string[]) => judgement(x, texts.map((t) => decided('waf', t)))!
  expect(w('block: a', 'pass: b').waf).toMatchObject({ verdict: 'refused', text: 'a' })
  expect(w('pass: a', 'watch: b').waf).toMatchObject({ verdict: 'watched', text: 'b' })
  expect(w('unjudged: a').waf).toMatchObject({ verdict: 'unjudged', text: 'a' })
  expect(judgement(x, [match('1', '5')])?.waf?.verdict).toBe('unjudged') // no word of the door that it passed
  expect(refuses(w('pass: a'))).toBe(false)
  expect(refuses(w('unjudged: a'))).toBe(false)
  expect(refuses(w('watch: a'))).toBe(true)
  expect(judgement(x, [decided('access', 'refuse: a'), { kind: 'request', exchange: 'x1' }])).toBeUndefined()
  expect(judgement(x, undefined)).toBeUndefined()
  expect(judgement(x, [decided('waf-failure', 'pass: the WAF failed')])?.asides).toEqual(['the WAF failed'])
})

test('the filter marks the bytes where the offset says', () => {
  const f = (facts: Record<string, string>) => judgement(x, [decided('filter', 'refuse: no', { rule: 'deny_query', ...facts })])!.filter!
  expect(f({ where: 'query', matched: '..', offset: '10' }).value?.found).toEqual([10, 12])
  expect(f({ where: 'header x-note', matched: 'table', offset: '5' }).value).toMatchObject({ found: [5, 10] })
  expect(f({ where: 'query', matched: '..', offset: '6' }).value).toBeUndefined() // masked: it stands elsewhere now
  expect(f({ where: 'line of X-Note', matched: 'x', offset: '1' }).value).toBeUndefined()
  expect(f({ where: 'body' })).toMatchObject({ verdict: 'refused', rule: 'deny_query', where: 'body' })
  expect([setting('deny_url'), setting('rule sql')]).toEqual(['deny_url', '{name: sql} of rules'])
})

test('lists and ladders tell of it', () => {
  const c = { id: 'c1', self: 'server' as const, exchanges: 1, last: { id: 'x1', by: 'waf' as const } }
  expect(searchable(c)).toContain('blocked by waf')
  expect(searchable({ ...c, last: { id: 'x1', by: 'filter', watched: true } })).toContain('filter would block')
  expect([match('1', '5'), match('1', '0')].map(happening)).toEqual(['WAF rule 1, +5: message of 1', ''])
  expect(happening(decided('waf', 'block: no'))).toBe('no')
  expect(['block: a', 'watch: a', 'pass: a'].map((t) => tone(decided('waf', t)))).toEqual(['bad', 'odd', 'plain'])
})
