import { useSignal } from '@preact/signals'
import { find, layout } from '../ladder'
import { judgement, refuses, type Judgement } from '../judgement'
import type { Chapter, Connection, Evidence, Exchange, Story } from '../types'
import { clock, duration, ending, protection, size } from '../words'
import { Command, FindingCard } from './finding'
import { JudgementCards, Refusal } from './judgement'
import { LadderView } from './ladder'

// StoryView shows a connection with all that belongs to it. What filter and WAF
// refused comes first: of the exchange that is asked for, or of the only one.
export function StoryView({ story, exchange }: { story: Story; exchange?: string | undefined }) {
  const marked = useSignal('')
  const chapters: Chapter[] = [story, ...story.related]
  const refused = story.exchanges.filter((x) => exchange === undefined || x.id === exchange)
    .map((x) => ({ x, judged: judgement(x, story.connection.events) })).filter(({ judged }) => refuses(judged))
  const first = refused.length === 1 ? refused[0] : undefined
  const ladder = layout(chapters)
  const show = (e: Evidence) => {
    const rung = find(ladder, e)
    if (!rung) return
    marked.value = rung.key
    document.getElementById('rung-' + rung.key)?.scrollIntoView({ block: 'center', behavior: 'smooth' })
  }
  return (
    <>
      {first?.judged && <JudgementCards judgement={first.judged} x={first.x} />}
      <Facts c={story.connection} />
      <div class="story">
        <div class="telling">
          {ladder.rungs.length === 0
            ? <p class="empty">No event of this connection is kept.</p>
            : <LadderView ladder={ladder} marked={marked.value} onMark={(key) => (marked.value = key)} />}
          {ladder.omitted > 0 && <p class="quiet">{ladder.omitted} later events are not drawn.</p>}
        </div>
        <aside class="findings" aria-label="Findings">
          {story.findings.length === 0 && <p class="quiet">{first ? 'Beside that, nothing' : 'Nothing'} is wrong here as far as Fanlight can tell.</p>}
          {story.findings.map((f, i) => <FindingCard key={f.id + i} finding={f} onEvidence={show} />)}
        </aside>
      </div>
      <h2>Exchanges</h2>
      {chapters.map((c) => <Exchanges key={c.connection.id} chapter={c} />)}
      <details>
        <summary>In flow notation</summary>
        <Command text={story.notation} />
      </details>
    </>
  )
}

function Facts({ c }: { c: Connection }) {
  const facts: [string, string | undefined][] = [
    ['started', clock(c.started)],
    ['client', c.proxied_client ? `${c.proxied_client}, as the PROXY header of ${c.client} says` : c.client],
    ['server', c.server],
    ['site', c.site],
    ['origin', c.origin],
    ['protection', [protection(c), c.tls?.cipher, c.tls?.alpn, c.tls?.resumed ? 'resumed' : ''].filter(Boolean).join(', ')],
    ['name asked for', c.tls?.sni],
    ['sent', c.bytes && `${size(c.bytes.client)} by the client, ${size(c.bytes.server)} by the server`],
    ['end', [ending(c), c.close?.alert && `alert ${c.close.alert}`, c.close?.why].filter(Boolean).join(', ')],
  ]
  return (
    <dl class="facts">
      {facts.map(([name, value]) => value && <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  )
}

function Exchanges({ chapter: { connection: c, exchanges, omitted } }: { chapter: Chapter }) {
  const role = c.self === 'client' ? 'to the origin' : c.self === 'server' ? 'from the client' : ''
  return (
    <section class="exchanges">
      <h3><a href={'#/connections/' + c.id}>{c.id}</a> <span class="quiet">{role} {c.self === 'client' ? c.server : c.proxied_client ?? c.client}</span></h3>
      {exchanges.length === 0 && <p class="quiet">It carried no request.</p>}
      {exchanges.map((x) => <ExchangeLine key={x.id} x={x} judged={judgement(x, c.events)} />)}
      {omitted ? <p class="quiet">{omitted} other exchanges are not shown.</p> : null}
    </section>
  )
}

function ExchangeLine({ x, judged }: { x: Exchange; judged: Judgement | undefined }) {
  const open = useSignal(false)
  const bad = (x.status ?? 0) >= 500 || (x.outcome !== undefined && x.outcome !== 'complete')
  const grade = bad ? 'bad' : x.status === undefined ? 'quiet' : x.status >= 400 ? 'odd' : 'good'
  return (
    <details class="exchange" onToggle={(e) => (open.value = e.currentTarget.open)}>
      <summary>
        <span class={'status ' + grade}>{x.status ?? x.outcome ?? 'no answer'}</span>{' '}
        <Refusals of={judged} />{x.method} <b>{x.target}</b>{' '}
        <span class="quiet">
          {x.total_ms !== undefined && duration(x.total_ms)} {x.response_body_bytes !== undefined && size(x.response_body_bytes)}
          {x.outcome && x.outcome !== 'complete' && ` ${x.outcome}`}
        </span>
      </summary>
      {open.value && (
        <>
          {judged && <JudgementCards judgement={judged} x={x} />}
          {x.incident && <p class="reason">Incident <a href={'#/incidents/' + x.incident}>{x.incident}</a>: {x.cause}</p>}
          <Fields title="Request" fields={x.request_headers} />
          <Fields title="Response" fields={x.response_headers} />
        </>
      )}
    </details>
  )
}

function Refusals({ of: j }: { of: Judgement | undefined }) {
  return (
    <>
      {j?.filter && <Refusal by="filter" watched={j.filter.verdict === 'watched'} />}
      {j?.waf && j.waf.verdict !== 'passed' && <Refusal by="waf" watched={j.waf.verdict === 'watched'} />}
    </>
  )
}

function Fields({ title, fields }: { title: string; fields: [string, string][] | undefined }) {
  if (!fields?.length) return null
  return (
    <table class="fields">
      <caption>{title}</caption>
      <tbody>{fields.map(([name, value], i) => <tr key={i}><th>{name}</th><td>{value}</td></tr>)}</tbody>
    </table>
  )
}
