package crs

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	rules "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	txhttp "github.com/corazawaf/coraza/v3/http"
	"github.com/corazawaf/coraza/v3/types"
)

//go:embed testdata/engine.conf
var engineConf string

//go:embed testdata/suite.conf
var suiteConf string

// TestCoraza is the yardstick: the engine as it is, behind net/http. What fails
// here is no fault of the door.
func TestCoraza(t *testing.T) {
	log := filepath.Join(t.TempDir(), "waf.log")
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var writing sync.Mutex
	engine, err := coraza.NewWAF(coraza.NewWAFConfig().
		WithRootFS(rules.FS).
		WithDirectives(engineConf).
		WithDirectives(suiteConf).
		WithDirectives("Include @crs-setup.conf.example\nInclude @owasp_crs/*.conf").
		WithErrorCallback(func(m types.MatchedRule) {
			writing.Lock()
			defer writing.Unlock()
			fmt.Fprintln(file, m.ErrorLog())
		}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(txhttp.WrapHandler(engine, http.HandlerFunc(origin)))
	defer server.Close()
	e := readExceptions(t, "testdata/coraza.yaml")
	judge(t, run(t, target{address: server.Listener.Addr().String(), log: log}, e), e)
}
