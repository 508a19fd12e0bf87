import { step } from './list'
import { go, route } from './route'
import { selected, shown } from './state'

// listenToKeys makes the page usable without a mouse: j and k move, Enter
// opens, Escape goes back, / filters.
export function listenToKeys() {
  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return
    const field = e.target instanceof HTMLInputElement
    if (field) {
      if (e.key === 'Escape') (e.target as HTMLElement).blur()
      return
    }
    if (pressed(e.key, e.target)) e.preventDefault()
  })
}

function pressed(key: string, target: EventTarget | null): boolean {
  const inList = route.value.view === 'connections'
  switch (key) {
    case 'j':
    case 'k':
      if (!inList) return false
      selected.value = step(shown.value, selected.value, key === 'j' ? 1 : -1)
      document.getElementById('row-' + selected.value)?.scrollIntoView({ block: 'nearest' })
      return true
    case 'Enter':
      if (!inList || selected.value === '' || target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement) return false
      go('connections/' + selected.value)
      return true
    case 'Escape':
      if (inList) selected.value = ''
      else go('')
      return true
    case '/':
      if (!inList) go('')
      requestAnimationFrame(() => document.getElementById('filter')?.focus())
      return true
  }
  return false
}
