import type { Ladder, Lane, Rung } from '../ladder'

const width = 860
const lanes = [130, 470, 810] as const
const half = 4 // of a character, roughly

const x = (lane: Lane) => lanes[lane]

interface Props {
  ladder: Ladder
  marked: string // key of a rung
  onMark: (key: string) => void
}

export function LadderView({ ladder, marked, onMark }: Props) {
  return (
    <svg class="ladder" viewBox={`0 0 ${width} ${ladder.height}`} width={width} height={ladder.height} role="img" aria-label="What happened, in order">
      {ladder.lanes.map((name, i) => name && (
        <g key={name}>
          <text class="lane" x={lanes[i]} y={18} text-anchor="middle">{name}</text>
          <line class="lane" x1={lanes[i]} x2={lanes[i]} y1={28} y2={ladder.height} />
        </g>
      ))}
      {ladder.folds.map((f) => (
        <g key={f.y} class="fold">
          <path d={zigzag(f.y)} />
          <text x={(lanes[0] + lanes[1]) / 2} y={f.y - 8} text-anchor="middle">{f.label}</text>
        </g>
      ))}
      {ladder.rungs.map((r) => <RungView key={r.key} rung={r} marked={r.key === marked} onMark={onMark} />)}
    </svg>
  )
}

function zigzag(y: number): string {
  let d = `M${lanes[0] - 30} ${y}`
  for (let i = 1, at: number = lanes[0] - 30; at < lanes[2] + 30; i++) {
    at += 10
    d += `L${at} ${y + (i % 2 ? 3 : -3)}`
  }
  return d
}

function RungView({ rung: r, marked, onMark }: { rung: Rung; marked: boolean; onMark: (key: string) => void }) {
  const inner = r.lanes[0] === r.lanes[1]
  const left = x(r.lanes[0])
  const right = x(r.lanes[1])
  const middle = (left + right) / 2
  return (
    <g class={`rung ${r.tone}${marked ? ' marked' : ''}`} id={'rung-' + r.key} data-key={r.key} onClick={() => onMark(r.key)}>
      <rect class="row" x={0} y={r.y - 15} width={width} height={22} />
      <text class="time" x={lanes[0] - 22} y={r.y + 1} text-anchor="end">{r.time}</text>
      {inner ? <Inner r={r} /> : (
        <>
          {r.from !== undefined && r.to !== undefined
            ? <Arrow r={r} from={x(r.from)} to={x(r.to)} />
            : <line class="both" x1={left + 6} x2={right - 6} y1={r.y + 4} y2={r.y + 4} />}
          <text class="label" x={middle} y={r.y - 1} text-anchor="middle">{short(r.label, 46)}<title>{r.label}</title></text>
        </>
      )}
    </g>
  )
}

function Inner({ r }: { r: Rung }) {
  const label = short(r.label, 44)
  const wide = label.length * half * (r.tone === 'plain' ? 1.75 : 2.1) + 16 // what stands out is bold
  return (
    <>
      <rect class="inner" x={lanes[1] - wide / 2} y={r.y - 12} width={wide} height={18} rx={9} />
      <text class="label" x={lanes[1]} y={r.y + 1} text-anchor="middle">{label}<title>{r.label}</title></text>
    </>
  )
}

function Arrow({ r, from, to }: { r: Rung; from: number; to: number }) {
  const way = Math.sign(to - from)
  const tip = to - 4 * way
  const y = r.y + 4
  return (
    <>
      <line class="arrow" x1={from + 4 * way} x2={tip} y1={y} y2={y} />
      <path class="tip" d={`M${tip} ${y}l${-8 * way} -4v8z`} />
      {r.end && <path class="end" d={`M${from - 5} ${y - 5}l10 10m0 -10l-10 10`} />}
    </>
  )
}

function short(s: string, n: number): string {
  return s.length > n ? s.slice(0, n - 1) + '…' : s
}
