import { findings } from '../state'
import type { Finding } from '../types'
import { FindingCard, SeverityMark } from './finding'

const rank = { error: 0, warning: 1, note: 2 }

// groups puts findings of one cause together, the gravest first.
function groups(all: readonly Finding[]): Finding[][] {
  const byID = new Map<string, Finding[]>()
  for (const f of all) byID.set(f.id, [...(byID.get(f.id) ?? []), f])
  return [...byID.values()].sort((a, b) => rank[a[0]!.severity] - rank[b[0]!.severity] || b.length - a.length)
}

export function Findings() {
  const all = groups(findings.value)
  return (
    <>
      <div class="bar"><h1>Findings</h1></div>
      {all.length === 0 && <p class="empty">Nothing was found so far.</p>}
      {all.map((group) => <Group key={group[0]!.id} group={group} />)}
    </>
  )
}

const listed = 30

function Group({ group }: { group: Finding[] }) {
  const [newest] = group
  if (!newest) return null
  const conns = [...new Set(group.flatMap((f) => f.conns))]
  return (
    <details class="group">
      <summary>
        <SeverityMark severity={newest.severity} /> <b>{newest.title}</b>{' '}
        <span class="count">{group.length}</span>
      </summary>
      <p class="conns">
        Seen on{' '}
        {conns.slice(0, listed).map((c) => <a key={c} href={'#/connections/' + c}>{c}</a>)}
        {conns.length > listed && ` and ${conns.length - listed} more`}
      </p>
      <FindingCard finding={newest} untitled />
    </details>
  )
}
