// The objects of the API, as the door sends them. A fact that was not observed
// is absent.

export type Side = 'client' | 'server'

export interface TLS {
  version?: string
  cipher?: string
  sni?: string
  alpn?: string
  resumed?: boolean
  done?: boolean // false: the handshake failed
  decrypted?: string
  why_not?: string
}

export interface Event {
  at_ms?: number // since the connection started
  from?: Side
  kind: string
  packet?: number
  exchange?: string
  parent?: string
  status?: number
  bytes?: number
  text?: string
  facts?: Record<string, string>
  raw_facts?: Record<string, string> // base64, of those that are no UTF-8
}

export interface Close {
  by: Side | 'unknown'
  how: 'fin' | 'rst' | 'none'
  alert: string | null
  why?: string
  after_ms?: number
}

export interface Connection {
  id: string
  parent?: string
  source?: string
  client?: string
  server?: string
  proxied_client?: string
  scheme?: string
  started?: string
  site?: string
  origin?: string
  tls?: TLS
  events?: Event[]
  self: Side | 'none'
  close?: Close // absent: open
  bytes?: { client: number; server: number }
  exchanges: number
}

export interface LastExchange {
  id: string
  method?: string
  host?: string
  target?: string
  status?: number
  outcome?: string
  incident?: string
  by?: 'filter' | 'waf' // which refused it, or would
  watched?: boolean // it only would
}

export interface Summary extends Connection {
  last?: LastExchange
  trouble?: string
}

export interface Exchange {
  id: string
  conn: string
  parent?: string
  http?: string
  method?: string
  host?: string
  target?: string
  status?: number
  reason?: string
  request_headers?: [string, string][]
  response_headers?: [string, string][]
  request_body_bytes?: number
  response_body_bytes?: number
  started?: string
  wait_ms?: number
  receive_ms?: number
  total_ms?: number
  outcome?: string
  incident?: string
  cause?: string
  substatus?: number // IIS's
  tunnel?: string
}

export interface Fix {
  side: string
  product?: string
  text: string
  command?: string
}

export interface Evidence {
  conn?: string
  exchange?: string
  at_ms?: number
  packet?: number
  text: string
}

export type Severity = 'error' | 'warning' | 'note'

export interface Finding {
  id: string
  severity: Severity
  confidence: 'proof' | 'likely' | 'possible'
  title: string
  cause: string
  fixes: Fix[]
  conns: string[]
  exchanges: string[]
  evidence: Evidence[]
  missing: string[]
  undecided?: boolean
}

export interface Chapter {
  connection: Connection
  exchanges: Exchange[]
  omitted?: number
}

export interface Story extends Chapter {
  related: Chapter[]
  findings: Finding[]
  notation: string
}

export interface Incident {
  id: string
  time: string
  conn?: string
  exchange?: string
  site?: string
  status?: number
  cause: string
}

// The story is absent if the record is gone.
export type IncidentStory = { incident: Incident } & Partial<Story>

export interface Binding {
  address: string
  names: string[] | null
  plain: boolean
}

export interface Certificate {
  subject?: string
  names?: string[]
  issuer?: string
  not_after?: string
  fault?: string
}

export type SiteState = 'serving' | 'draining' | 'stopped' | 'failed'

export interface Site {
  name: string
  state: SiteState
  reason?: string
  configured: string
  differs: boolean
  bindings: Binding[]
  certificate?: Certificate
  url?: string
}

export interface Health {
  status: string
  version?: string
  warnings: string[]
  recording: { size: number; bytes: number; batches: number; overwritten: number; oldest?: string } | null
}

export interface ConnectionsChanged {
  items: Summary[]
  more: number // changed too, but there were too many
  lost: number // batches this window was too slow for
}

export interface FindingsChanged {
  items: Finding[]
  new: string[]
  unchanged: number
  gone: string[]
}
