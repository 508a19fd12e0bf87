package console

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestInBrowser visits the pages with a real browser. FANLIGHT_SCREENSHOTS
// names a folder for pictures.
func TestInBrowser(t *testing.T) {
	const browser = "/usr/bin/chromium"
	for _, need := range []struct{ path, reason string }{
		{browser, "chromium is not installed"},
		{"../../web/dist/index.html", "the console was not built"},
		{"../../web/node_modules/playwright-core", "the console's node modules are not installed"},
	} {
		if _, err := os.Stat(need.path); err != nil {
			t.Skipf("%s (%s)", need.reason, need.path)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	d, s, console, _ := serve(t)
	record(t, s, stories+judged)
	d.find(d.Of(s.Trace(s.Recent(100)...))...)
	script := exec.CommandContext(t.Context(), node, "e2e/console.mjs")
	script.Dir = "../../web"
	script.Env = append(os.Environ(), "FANLIGHT_CONSOLE_URL="+console.URL+"/?token="+token, "CHROMIUM="+browser)
	script.WaitDelay = 5 * time.Second
	out, err := script.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
