// The words in which the pages tell what the records say.
import type { Connection, Event, Side, Summary } from './types'

export function duration(ms: number): string {
  if (ms < 10) return `${trim(ms, ms < 1 ? 2 : 1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${trim(ms / 1000, 1)} s`
  if (ms < 600_000) return `${Math.round(ms / 1000)} s`
  return `${Math.round(ms / 60_000)} min`
}

function trim(n: number, digits: number): string {
  return String(Number(n.toFixed(digits)))
}

export function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`
  if (bytes < 10_000_000) return `${Math.round(bytes / 1000)} kB`
  return `${Math.round(bytes / 1_000_000)} MB`
}

export function clock(rfc3339: string | undefined): string {
  if (!rfc3339) return ''
  const at = new Date(rfc3339)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

// party names a side of a connection by what it is for the door.
export function party(c: Pick<Connection, 'self'>, side: Side | 'unknown'): string {
  if (side === 'unknown') return 'somebody'
  if (c.self === 'none') return side
  if (c.self === side) return 'Fanlight'
  return side === 'client' ? 'client' : 'origin'
}

export function ending(c: Connection): string {
  const close = c.close
  if (!close) return 'open'
  const after = close.after_ms === undefined ? '' : ` after ${duration(close.after_ms)}`
  switch (close.how) {
    case 'fin':
      return `${party(c, close.by)} closed${after}`
    case 'rst':
      return `${party(c, close.by)} reset${after}`
    default:
      return `ended${after}`
  }
}

export function protection(c: Connection): string {
  if (!c.tls) return c.scheme === 'http' ? 'plain' : ''
  if (c.tls.done === false) return 'failed'
  return c.tls.version ? `TLS ${c.tls.version}` : 'TLS'
}

// refusal is which of filter and WAF refused a request, or would.
export function refusal(by: 'filter' | 'waf', watched: boolean | undefined): string {
  const name = by === 'waf' ? 'WAF' : 'filter'
  return watched ? `${name} would block` : `blocked by ${name}`
}

// searchable is what the filter box looks through.
export function searchable(c: Summary): string {
  const last = c.last
  return [
    c.id, c.client, c.server, c.site, c.origin, c.tls?.sni, protection(c), c.trouble, ending(c), c.close?.alert, c.close?.why,
    last?.method, last?.host, last?.target, last?.status, last?.incident, last?.by && refusal(last.by, last.watched),
  ].filter((w) => w !== undefined && w !== null).join(' ').toLowerCase()
}

const judges = new Set(['filter', 'waf'])
const refusing = /^(block|refuse): /

// happening is an event in a few words; empty if it is not worth a line.
export function happening(e: Event): string {
  const facts = e.facts ?? {}
  switch (e.kind) {
    case 'syn': return 'connects'
    case 'established': return 'connected'
    case 'connect-failed': return `cannot connect: ${e.text ?? ''}`
    case 'client-hello': return `ClientHello ${facts.sni ?? ''}`.trim()
    case 'server-hello': return 'ServerHello'
    case 'certificate': return e.text === 'none' ? 'no certificate' : `certificate ${e.text ?? ''}`
    case 'certificate-request': return 'asks for a certificate'
    case 'tls-done': return `TLS ${e.text ?? facts.version ?? ''} ready`
    case 'tls-failed': return `handshake failed: ${e.text ?? ''}`
    case 'alert': return `alert ${e.text ?? ''}`
    case 'hello-request': return 'HelloRequest: asks for a new handshake'
    case 'renegotiating': return 'begins the new handshake'
    case 'renegotiated': return 'new handshake done'
    case 'request': return e.text ?? 'request'
    case 'request-done': return e.bytes ? `request body ${size(e.bytes)}` : ''
    case 'interim': return `${e.status ?? ''} interim`
    case 'response': return `${e.status ?? ''} ${e.text ?? ''}`.trim()
    case 'response-done': return e.bytes ? `response body ${size(e.bytes)}` : ''
    case 'exchange-done': return e.text === 'complete' ? '' : `exchange ${e.text ?? ''}`
    case 'tunnel': return `tunnel ${e.text ?? ''}`
    case 'irregular': return `irregular: ${e.text ?? ''}`
    case 'auth-token': return `${e.text ?? ''} token ${facts.step ?? ''}`.trim()
    case 'chosen': return `${facts.what ?? 'site'} ${e.text ?? ''}`
    case 'decision': return judges.has(facts.by ?? '') ? (e.text ?? '').replace(refusing, '') : `${facts.by ? facts.by + ': ' : ''}${e.text ?? ''}`
    case 'waf-match': return facts.adds === '0' ? '' : `WAF rule ${facts.rule ?? '?'}, +${facts.adds ?? '?'}: ${e.text ?? ''}`
    case 'timeout': return `timeout: ${e.text ?? ''}${facts.limit_ms ? ` (${duration(Number(facts.limit_ms))})` : ''}`
    case 'retry': return `tries again: ${e.text ?? ''}`
    case 'pinned': return `pinned to this client: ${e.text ?? ''}`
    case 'incident': return `incident ${e.text ?? ''}`
    case 'hanging': return `hanging: ${e.text ?? ''}`
    case 'fin': return 'closes (FIN)'
    case 'rst': return 'resets (RST)'
    case 'closed': return e.text ? `over: ${e.text}` : ''
    default: return `${e.kind} ${e.text ?? ''}`.trim()
  }
}

const alarming = new Set(['connect-failed', 'tls-failed', 'alert', 'rst', 'timeout', 'irregular', 'incident', 'hanging'])
const notable = new Set(['hello-request', 'waf-match', 'retry', 'renegotiating', 'renegotiated', 'pinned'])

// tone is how much an event asks for attention.
export function tone(e: Event): 'bad' | 'odd' | 'plain' {
  if (e.kind === 'decision') return refusing.test(e.text ?? '') ? 'bad' : e.text?.startsWith('watch: ') ? 'odd' : 'plain'
  if (alarming.has(e.kind) || (e.kind === 'response' && (e.status ?? 0) >= 500)) return 'bad'
  if (e.kind === 'exchange-done' && e.text !== 'complete') return 'bad'
  if (notable.has(e.kind) || (e.kind === 'response' && (e.status ?? 0) >= 400)) return 'odd'
  return 'plain'
}
