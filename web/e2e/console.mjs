// Plays a visit to a running console in a real browser. Needs
//
//	FANLIGHT_CONSOLE_URL   the start address, with its token
//
// and takes
//
//	FANLIGHT_SCREENSHOTS   a folder for pictures of the pages
//	CHROMIUM               the browser, /usr/bin/chromium by default
//
// The console must know at least one site that serves and one connection with a
// finding. Exits with 1 and says what went wrong.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'

const start = process.env.FANLIGHT_CONSOLE_URL
const pictures = process.env.FANLIGHT_SCREENSHOTS
assert.ok(start, 'FANLIGHT_CONSOLE_URL is not set')

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
})

const complaints = []
let steps = 0

async function step(name, run) {
  try {
    await run()
    steps++
  } catch (e) {
    e.message = `${name}: ${e.message}`
    throw e
  }
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true })
}

async function visit(page) {
  page.setDefaultTimeout(10_000)
  const bare = new URL('/', start).href
  let expected = (m) => m.text().includes('401') && m.location().url === bare
  page.on('console', (m) => m.type() === 'error' && !expected(m) && complaints.push(`${m.text()} (${m.location().url})`))
  page.on('pageerror', (e) => complaints.push(String(e)))

  await step('the page needs the token', async () => {
    const response = await page.goto(bare)
    assert.equal(response.status(), 401)
    await picture(page, 'login')
  })

  await step('the start address leads to a clean one', async () => {
    await page.goto(start)
    assert.equal(new URL(page.url()).search, '')
    await page.locator('.link.live').waitFor()
  })

  await step('connections are listed', async () => {
    await page.locator('tbody tr').first().waitFor()
    await picture(page, 'connections')
  })

  await step('a site is stopped and started', async () => {
    const name = await page.locator('.site[data-state=serving]').first().getAttribute('data-site')
    const site = page.locator(`.site[data-site="${name}"]`)
    await site.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.locator(`.site[data-site="${name}"][data-state=stopped]`).waitFor()
    await picture(page, 'stopped')
    await site.getByRole('button', { name: 'Start', exact: true }).click()
    await page.locator(`.site[data-site="${name}"][data-state=serving]`).waitFor()
  })

  await step('the filter leaves what it names', async () => {
    const all = await page.locator('tbody tr').count()
    await page.keyboard.press('/')
    await page.locator('#filter:focus').waitFor()
    await page.keyboard.type('no such connection anywhere')
    await page.locator('.empty').waitFor()
    await page.locator('#filter').fill('')
    await page.locator('tbody tr').nth(all - 1).waitFor()
    await page.keyboard.press('Escape')
  })

  await step('the keyboard moves, opens and goes back', async () => {
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    assert.equal(await page.locator('tr[aria-selected=true]').count(), 1)
    await page.keyboard.press('Enter')
    await page.locator('svg.ladder .rung').first().waitFor()
    await page.keyboard.press('Escape')
    await page.locator('#filter').waitFor()
  })

  await step('evidence leads into the ladder', async () => {
    await page.getByRole('link', { name: /^Findings/ }).click()
    await page.locator('details.group').first().click()
    await picture(page, 'findings')
    await page.locator('details.group[open] .conns a').first().click()
    await page.locator('.finding .evidence button').first().click()
    await page.locator('svg.ladder .rung.marked').waitFor()
    await picture(page, 'ladder')
  })

  await step('the list tells who refused', async () => {
    await page.getByRole('link', { name: 'Connections', exact: true }).click()
    await page.locator('#row-c6 .refusal.refused').waitFor()
    await page.locator('#row-c7 .refusal.watched').waitFor()
    await page.locator('#filter').fill('blocked by waf')
    await page.locator('#row-c7').waitFor({ state: 'detached' })
    assert.equal(await page.locator('tbody tr').count(), 1)
    await picture(page, 'refused')
    await page.locator('#filter').fill('')
  })

  await step('what the WAF blocked is told', async () => {
    await page.locator('#row-c6').click()
    const card = page.getByRole('region', { name: 'WAF, exchange x5' })
    await card.waitFor()
    assert.match(await card.innerText(), /Blocked by the WAF\s+GET [^]*Score 5 \+ 5 = 10 of 5[^]*1200 bytes of the body/)
    const rows = card.locator('.rules li').first().locator('.bytes')
    assert.equal(await rows.nth(0).innerText(), '<IMG src=x onerror=window.intruded=1>\\xff')
    assert.deepEqual(await card.locator('mark').allInnerTexts(), [' onerror=w', ' onerror=w'])
    assert.equal(await card.locator('img').count(), 0)
    assert.deepEqual(await card.locator('.command pre').allInnerTexts(), ['fanlight why 7Q2MXK4HTA', 'fanlight waf try-exclusion 7Q2MXK4HTA'])
    await picture(page, 'waf')
  })

  await step('the keyboard unfolds what added nothing', async () => {
    const line = page.getByText('1 rule matched and added nothing')
    await line.focus()
    await page.keyboard.press('Enter')
    await page.locator('details.rest[open]').getByText('HTML Tag Handler').waitFor()
  })

  await step('what the filter would refuse is told', async () => {
    await page.goto(new URL('/#/connections/c7', start).href)
    const card = page.getByRole('region', { name: 'Filter, exchange x6' })
    await card.waitFor()
    assert.match(await card.innerText(), /Would have been blocked by the filter[^]*only watches[^]*deny_url/)
    assert.equal(await card.locator('mark').innerText(), '..')
    await picture(page, 'filter')
  })

  await step('the policy allows no inline script', async () => {
    expected = (m) => m.text().includes('Content Security Policy')
    await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.intruded = true'
      document.body.append(script)
    })
    assert.equal(await page.evaluate(() => window.intruded), undefined)
  })
}

try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await visit(page)
  assert.deepEqual(complaints, [], 'the browser complains')
  if (pictures) {
    await page.emulateMedia({ colorScheme: 'dark' })
    await picture(page, 'ladder-dark')
    await page.goto(new URL('/', start).href)
    await page.locator('tbody tr').first().waitFor()
    await picture(page, 'connections-dark')
    await page.setViewportSize({ width: 480, height: 900 })
    await picture(page, 'connections-narrow')
  }
  console.log(`${steps} steps passed`)
} finally {
  await browser.close()
}
