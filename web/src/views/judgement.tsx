import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { fold, pieces, type Piece } from '../bytes'
import { setting, sum, unseen, type Filter, type Judgement, type Match, type Value, type Verdict, type WAF } from '../judgement'
import type { Exchange } from '../types'
import { refusal } from '../words'
import { Command, SeverityMark } from './finding'

const longest = 100 // characters of a value that are shown at once
const opened = 4 // rules that are shown with what they found

const grades = { refused: 'error', watched: 'warning', passed: 'note', unjudged: 'note' } as const

// JudgementCards tell what filter and WAF said of an exchange, and why.
export function JudgementCards({ judgement: j, x }: { judgement: Judgement; x: Exchange }) {
  return (
    <>
      {j.filter && <FilterCard filter={j.filter} x={x} />}
      {j.waf && <WAFCard waf={j.waf} x={x} />}
      {j.asides.map((text, i) => <p key={i} class="notice bad">{text}</p>)}
    </>
  )
}

// Refusal says in a list which of filter and WAF refused a request, or would.
export function Refusal({ by, watched }: { by: 'filter' | 'waf'; watched: boolean | undefined }) {
  return <><span class={'refusal ' + (watched ? 'watched' : 'refused')}>{refusal(by, watched)}</span>{' '}</>
}

function FilterCard({ filter: f, x }: { filter: Filter; x: Exchange }) {
  return (
    <section class={'judgement ' + f.verdict} aria-label={`Filter, exchange ${x.id}`}>
      <Headline by="filter" verdict={f.verdict} x={x} />
      <table class="values">
        <tbody>
          <tr><th scope="row">rule</th><td><code>{f.rule}</code></td></tr>
          {x.substatus && f.verdict === 'refused' && <tr><th scope="row">as IIS logs it</th><td><code>{x.status}.{x.substatus}</code></td></tr>}
          {f.where && <tr><th scope="row">in</th><td>{f.where}{f.offset !== undefined && `, at byte ${f.offset}`}</td></tr>}
          {f.found && <tr><th scope="row">found</th><td><Bytes all={pieces(f.found)} /></td></tr>}
          {f.value && <tr><th scope="row">where it stands</th><td><Bytes all={pieces(f.value.bytes, f.value.found)} /></td></tr>}
        </tbody>
      </table>
      <details><summary>In the record's words</summary><p>{f.text}</p></details>
      <p class="advice">If it was an attack: nothing to do. If such a request is to pass, change <code>{setting(f.rule)}</code> in <code>filter</code> of the site, then <code>fanlight reload</code>.</p>
      <Commands x={x} />
    </section>
  )
}

function WAFCard({ waf: w, x }: { waf: WAF; x: Exchange }) {
  const decided = w.verdict === 'refused' || w.verdict === 'watched'
  const alone = w.scoring.length === 0 && decided
  return (
    <section class={'judgement ' + w.verdict} aria-label={`WAF, exchange ${x.id}`}>
      <Headline by="WAF" verdict={w.verdict} x={x} />
      {w.score !== undefined && (
        <p class="sum">
          Score <b>{sum(w)}</b>{w.threshold !== undefined && <> of <b>{w.threshold}</b>: from {w.threshold} on a request is blocked</>}
        </p>
      )}
      {(w.scoring.length === 0 || !decided) && w.text && <p>{w.text}</p>}
      {unseen(w) && <p class="notice">{unseen(w)}</p>}
      {w.scoring.length > 0 && (
        <ol class="rules">{w.scoring.map((m, i) => <li key={i}><MatchLine m={m} open={i < opened} /></li>)}</ol>
      )}
      {w.rest.length > 0 && (
        <details class="rest" open={alone}>
          <summary>{w.rest.length} {w.rest.length === 1 ? 'rule' : 'rules'} matched and added nothing</summary>
          <ol class="rules">{w.rest.map((m, i) => <li key={i}><MatchLine m={m} open={alone} /></li>)}</ol>
        </details>
      )}
      <p class="quiet">{[w.paranoia && `paranoia level ${w.paranoia}`, w.engine && `engine ${w.engine}`].filter(Boolean).join(' · ')}</p>
      {decided && <p class="advice">{advice(w, x)}</p>}
      <Commands x={x} tries={decided} />
    </section>
  )
}

const told: Record<Verdict, string> = { refused: 'Blocked by the', watched: 'Would have been blocked by the', passed: 'Passed by the', unjudged: 'Not judged to the end by the' }

function Headline({ by, verdict, x }: { by: string; verdict: Verdict; x: Exchange }) {
  return (
    <>
      <h3><SeverityMark severity={grades[verdict]} /> {told[verdict]} {by}</h3>
      <p class="asked">{x.method} <b>{x.target}</b></p>
      {verdict === 'watched' && <p class="odd">It only watches here, and let the request go on.</p>}
    </>
  )
}

function MatchLine({ m, open }: { m: Match; open: boolean }) {
  return (
    <details open={open}>
      <summary>
        <span class={'adds ' + (m.adds > 0 ? 'bad' : 'quiet')}>+{m.adds}</span> <code>{m.rule}</code> <b>{m.message || 'a rule without a message'}</b>{' '}
        <span class="quiet">{[m.severity, m.target && `in ${m.target}`].filter(Boolean).join(', ')}</span>
      </summary>
      <table class="values">
        <tbody>
          {m.values.map((v, i) => <ValueRow key={i} v={v} />)}
          {m.found
            ? <tr><th scope="row">found</th><td><Bytes all={pieces(m.found)} /></td></tr>
            : m.values.length > 0 && <tr><th scope="row">found</th><td class="quiet">the rule does not tell which bytes</td></tr>}
          {m.further > 0 && <tr><th scope="row">also</th><td>in {m.further} more {m.further === 1 ? 'value' : 'values'}</td></tr>}
        </tbody>
      </table>
    </details>
  )
}

function ValueRow({ v }: { v: Value }) {
  return (
    <tr>
      <th scope="row">{v.made ? <>after <code>{v.name}</code></> : v.name}</th>
      <td><Bytes all={pieces(v.bytes, v.found)} /></td>
    </tr>
  )
}

// Bytes shows a value; a long one is folded around what was found in it.
function Bytes({ all }: { all: Piece[] }) {
  const whole = useSignal(false)
  const id = useId()
  const { shown, cut } = fold(all, longest)
  return (
    <>
      <code class="bytes" id={id}>
        {(whole.value ? all : shown).map((p, i) => <PieceOf key={i} p={p} />)}
        {all.length === 0 && <span class="quiet">empty</span>}
      </code>
      {cut && (
        <button class="small" aria-expanded={whole.value} aria-controls={id} onClick={() => (whole.value = !whole.value)}>
          {whole.value ? 'less' : 'all of it'}
        </button>
      )}
    </>
  )
}

function PieceOf({ p }: { p: Piece }) {
  const text = p.escaped ? <span class="escaped">{p.text}</span> : <>{p.text}</>
  return p.found ? <mark>{text}</mark> : text
}

function Commands({ x, tries }: { x: Exchange; tries?: boolean }) {
  return (
    <>
      <Command text={`fanlight why ${x.incident ?? x.conn}`} />
      {tries && x.incident && <Command text={`fanlight waf try-exclusion ${x.incident}`} />}
    </>
  )
}

function advice(w: WAF, x: Exchange): string {
  const attack = 'If it was an attack: nothing to do. '
  if (w.verdict === 'watched') return attack + 'If it was not, exclude as little as possible before the WAF is told to block.'
  return attack + (x.incident ? 'If such a request is to pass, exclude as little as possible: the last command finds what.' : 'If such a request is to pass, exclude as little as possible.')
}
