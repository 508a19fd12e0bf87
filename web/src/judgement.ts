// What filter and WAF said of an exchange, as the events of its record have it.
import { bytesOf, factBytes, place, same } from './bytes'
import type { Event, Exchange } from './types'

export type Verdict = 'refused' | 'watched' | 'passed' | 'unjudged' // unjudged: not to the end, as with a body that is too long

export interface Value {
  name: string // what made it: a transformation, or what it is
  made: boolean // by a transformation
  bytes: Uint8Array
  found?: [number, number]
}

export interface Match {
  rule: string
  message: string
  severity: string
  adds: number
  target: string
  further: number // values it matched in beside
  found?: Uint8Array
  values: Value[] // as it stood, then what transformations made of it
}

export interface WAF {
  verdict: Verdict
  text: string
  score?: number
  threshold?: number
  paranoia?: string
  engine?: string
  unseen?: string
  scoring: Match[]
  rest: Match[] // that add nothing
}

export interface Filter {
  verdict: Verdict
  text: string
  rule: string
  where: string
  offset?: number
  found?: Uint8Array
  value?: Value // what the bytes stand in, if the record has it as it was
}

export interface Judgement {
  filter?: Filter
  waf?: WAF
  asides: string[] // what else was decided about the WAF
}

// judgement reads the events of the connection of an exchange; undefined if
// neither filter nor WAF said a word.
export function judgement(x: Exchange, events: readonly Event[] | undefined): Judgement | undefined {
  const own = events?.filter((e) => e.exchange === x.id) ?? []
  const by = (name: string) => own.filter((e) => e.kind === 'decision' && e.facts?.by === name)
  const out: Judgement = { asides: own.filter((e) => e.kind === 'decision' && e.facts?.by?.startsWith('waf-')).map((e) => words(e)) }
  const filter = heaviest(by('filter'))
  if (filter) out.filter = filtered(x, filter)
  const matches = own.filter((e) => e.kind === 'waf-match')
  const waf = heaviest(by('waf'))
  if (waf || matches.length > 0) out.waf = inspected(waf, matches.map(matched))
  return out.filter || out.waf || out.asides.length > 0 ? out : undefined
}

// refuses tells whether it is worth more than a line.
export const refuses = (j: Judgement | undefined) =>
  j?.filter?.verdict === 'refused' || j?.waf?.verdict === 'refused' || j?.filter?.verdict === 'watched' || j?.waf?.verdict === 'watched'

function verdictOf(e: Event): Verdict {
  const word = e.text?.split(':', 1)[0]
  return word === 'block' || word === 'refuse' ? 'refused' : word === 'watch' ? 'watched' : word === 'unjudged' ? 'unjudged' : 'passed'
}

// words are those of a decision behind its verdict.
const words = (e: Event) => (e.text ?? '').replace(/^[a-z]+: /, '')

// heaviest is the last decision that refuses, else that would, else that lets
// pass, else the last.
function heaviest(all: Event[]): Event | undefined {
  const last = (v: Verdict) => all.filter((e) => verdictOf(e) === v).pop()
  return last('refused') ?? last('watched') ?? last('passed') ?? last('unjudged')
}

function inspected(e: Event | undefined, matches: Match[]): WAF {
  const out: WAF = {
    verdict: e ? verdictOf(e) : 'unjudged', text: e ? words(e) : '',
    scoring: matches.filter((m) => m.adds > 0), rest: matches.filter((m) => m.adds === 0),
  }
  const facts = e?.facts ?? {}
  const number = (key: string) => (facts[key] === undefined ? undefined : Number(facts[key]))
  return Object.assign(out, { score: number('score'), threshold: number('threshold'), paranoia: facts.paranoia, engine: facts.engine, unseen: facts.unseen })
}

function matched(e: Event): Match {
  const facts = e.facts ?? {}
  const found = factBytes(e, 'matched')
  const out: Match = {
    rule: facts.rule ?? '?', message: e.text ?? '', severity: facts.severity ?? '', adds: Number(facts.adds ?? 0),
    target: facts.target ?? '', further: Number(facts.further ?? 0), values: [],
  }
  if (found) out.found = found
  const tell = (name: string, made: boolean, bytes: Uint8Array | undefined) => {
    if (!bytes || same(bytes, out.values[out.values.length - 1]?.bytes)) return
    out.values.push(withFound({ name, made, bytes }, found))
  }
  tell('as it stood', false, factBytes(e, 'value'))
  for (const line of lines(factBytes(e, 'steps'))) {
    const blank = line.indexOf(0x20)
    if (blank > 0) tell(new TextDecoder().decode(line.subarray(0, blank)), true, line.subarray(blank + 1))
  }
  const made = out.values[out.values.length - 1]?.bytes
  const compared = factBytes(e, 'compared')
  if (!made || !same(compared?.map(oneLine), made.map(oneLine))) tell('as it was compared', false, compared)
  return out
}

// oneLine is how steps are kept: their line ends are blanks.
const oneLine = (byte: number) => (byte === 0x0a ? 0x20 : byte)

function withFound(v: Value, found: Uint8Array | undefined): Value {
  const at = place(v.bytes, found)
  return at ? { ...v, found: at } : v
}

function lines(all: Uint8Array | undefined): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let at = 0; all && at < all.length; ) {
    const end = all.indexOf(0x0a, at)
    out.push(all.subarray(at, end < 0 ? all.length : end))
    at = end < 0 ? all.length : end + 1
  }
  return out
}

function filtered(x: Exchange, e: Event): Filter {
  const facts = e.facts ?? {}
  const out: Filter = { verdict: verdictOf(e), text: words(e), rule: facts.rule ?? '?', where: facts.where ?? '' }
  if (facts.offset !== undefined) out.offset = Number(facts.offset)
  const found = factBytes(e, 'matched')
  if (found) out.found = found
  if (found && out.offset !== undefined) {
    const stands = homes(x, out.where).map(bytesOf).map((bytes) => ({ bytes, found: place(bytes, found, out.offset) }))
    const home = stands.find((v) => v.found?.[0] === out.offset)
    if (home?.found) out.value = { name: out.where, made: false, bytes: home.bytes, found: home.found }
  }
  return out
}

// homes are the values that an offset may count in.
function homes(x: Exchange, where: string): string[] {
  if (where === 'URL' || where === 'query') return x.target === undefined ? [] : [x.target]
  const field = /^header (.*)$/.exec(where)?.[1]?.toLowerCase()
  return x.request_headers?.filter(([name]) => name.toLowerCase() === field).map(([, value]) => value) ?? []
}

// sum is the score as its summands; those that the record does not have are
// told of, not guessed.
export function sum(w: Pick<WAF, 'score' | 'scoring'>): string {
  if (w.score === undefined) return ''
  const adds = w.scoring.map((m) => m.adds)
  const total = adds.reduce((a, b) => a + b, 0)
  if (adds.length < 2 || total !== w.score) return String(w.score)
  const shown = adds.length <= 12 ? adds.join(' + ') : `${adds.slice(0, 11).join(' + ')} + … (${adds.length} rules)`
  return `${shown} = ${w.score}`
}

export function unseen(w: Pick<WAF, 'unseen'>): string {
  if (w.unseen === undefined) return ''
  return w.unseen === 'more' ? 'The body went on behind what rules saw of it: an attack may stand there.' : `${w.unseen} bytes of the body were seen by no rule: an attack may stand there.`
}

// setting is what to change in a filter if such a request is to pass.
export function setting(rule: string): string {
  const named = /^rule (.*)$/s.exec(rule)?.[1]
  return named === undefined ? rule : `{name: ${named}} of rules`
}
