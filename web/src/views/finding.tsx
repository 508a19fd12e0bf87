import { useSignal } from '@preact/signals'
import type { Evidence, Finding, Fix, Severity } from '../types'
import { duration } from '../words'

// SeverityMark differs in shape, not in colour alone.
export function SeverityMark({ severity }: { severity: Severity }) {
  return (
    <svg class={'mark ' + severity} viewBox="0 0 16 16" width="16" height="16" role="img" aria-label={severity}>
      {severity === 'error' && <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" class="fill" />}
      {severity === 'warning' && <path d="M8 1 15 14.5H1z" class="fill" />}
      {severity === 'note' && <circle cx="8" cy="8" r="6.5" class="fill" />}
    </svg>
  )
}

interface Props {
  finding: Finding
  untitled?: boolean // the title stands above already
  onEvidence?: (e: Evidence) => void
}

export function FindingCard({ finding: f, untitled, onEvidence }: Props) {
  return (
    <article class={'finding ' + f.severity}>
      {!untitled && <h3><SeverityMark severity={f.severity} /> {f.title}</h3>}
      <p class="quiet"><code>{f.id}</code> · {f.undecided ? 'cannot tell' : f.confidence}</p>
      <p>{f.cause}</p>
      {f.evidence.length > 0 && (
        <>
          <h4>Evidence</h4>
          <ol class="evidence">
            {f.evidence.map((e, i) => <li key={i}><EvidenceLine evidence={e} onEvidence={onEvidence} /></li>)}
          </ol>
        </>
      )}
      {f.fixes.length > 0 && <h4>What to change</h4>}
      {f.fixes.map((x, i) => <FixLine key={i} fix={x} />)}
      {f.missing.length > 0 && <p class="quiet">Would make it certain: {f.missing.join('; ')}</p>}
    </article>
  )
}

function EvidenceLine({ evidence: e, onEvidence }: { evidence: Evidence; onEvidence: Props['onEvidence'] }) {
  const at = e.at_ms === undefined ? '' : ` at ${duration(e.at_ms)}`
  if (!e.conn) return <>{e.text}</>
  if (!onEvidence) return <a href={'#/connections/' + e.conn}>{e.text}<span class="quiet">{at} on {e.conn}</span></a>
  return <button class="plain" onClick={() => onEvidence(e)}>{e.text}<span class="quiet">{at} on {e.conn}</span></button>
}

function FixLine({ fix }: { fix: Fix }) {
  return (
    <div class="fix">
      <p><span class="side">{fix.side}{fix.product && `, ${fix.product}`}</span> {fix.text}</p>
      {fix.command && <Command text={fix.command} />}
    </div>
  )
}

export function Command({ text }: { text: string }) {
  const copied = useSignal(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    copied.value = true
    setTimeout(() => (copied.value = false), 1500)
  }
  return (
    <div class="command">
      <pre>{text}</pre>
      <button class="small" onClick={copy}>{copied.value ? 'Copied' : 'Copy'}</button>
    </div>
  )
}
