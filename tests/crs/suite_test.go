package crs

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	suitefs "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/coreruleset/go-ftw/v2/config"
	"github.com/coreruleset/go-ftw/v2/ftwhttp"
	"github.com/coreruleset/go-ftw/v2/output"
	"github.com/coreruleset/go-ftw/v2/runner"
	"github.com/coreruleset/go-ftw/v2/test"
	"github.com/coreruleset/go-ftw/v2/waflog"
	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v4"
)

// TestMain keeps the runner's own log out of the way.
func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	os.Exit(m.Run())
}

// suiteSize is the number of tests in the module; another number means that
// some were not read.
const suiteSize = 4674

// suite reads all tests anew: the runner changes what it is given.
func suite(t *testing.T) []*test.FTWTest {
	t.Helper()
	var files []*test.FTWTest
	count := 0
	err := fs.WalkDir(suitefs.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := suitefs.FS.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := test.GetTestFromYaml(text, d.Name())
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		for _, one := range file.Tests {
			for i := range one.Stages {
				one.Stages[i].Output.RetryOnce = nil // a second failure would end the run
			}
		}
		files = append(files, file)
		count += len(file.Tests)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count != suiteSize {
		t.Fatalf("%d tests, want %d", count, suiteSize)
	}
	return files
}

// exceptions is ignored.yaml: tests whose expectation is not what is asked for.
type exceptions struct {
	// Ignored tests cannot pass; the text says why.
	Ignored map[string]string
	// Otherwise is what is asked for in place of the test's own expectation.
	Otherwise map[string]struct {
		Why    string
		Status int
		Expect []uint
	}
}

func readExceptions(t *testing.T, file string) exceptions {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e exceptions
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&e); err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return e
}

// apply changes the expectations of tests.
func (e exceptions) apply(t *testing.T, files []*test.FTWTest) {
	t.Helper()
	found := map[string]bool{}
	for _, file := range files {
		for i := range file.Tests {
			id := file.Tests[i].IdString()
			found[id] = true
			want, ok := e.Otherwise[id]
			if !ok {
				continue
			}
			out := &file.Tests[i].Stages[len(file.Tests[i].Stages)-1].Output
			out.Status, out.ExpectError, out.Log.ExpectIds, out.Log.MatchRegex = want.Status, nil, want.Expect, ""
			if len(want.Expect) > 0 {
				out.Log.NoExpectIds, out.Log.NoMatchRegex = nil, ""
			}
		}
	}
	for id := range e.Otherwise {
		if !found[id] {
			t.Errorf("an exception names test %s, which there is not", id)
		}
	}
}

// target is a server with a rule set, which writes what matched into a file.
type target struct {
	address string
	https   bool
	log     string
}

// outcome is what became of the tests.
type outcome struct {
	*runner.RunStats
	errors map[string]error // of tests without an answer
}

// run sends the suite, test by test: one without an answer is no reason to end.
func run(t *testing.T, to target, e exceptions) outcome {
	t.Helper()
	conf := to.config(t, e)
	lines, err := waflog.NewFTWLogLines(conf)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Cleanup()
	client, err := ftwhttp.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx := &runner.TestRunContext{RunnerConfig: conf, Include: conf.Include, Output: output.NewOutput("quiet", t.Output()),
		Stats: runner.NewRunStats(), Client: client, LogLines: lines}
	out := outcome{RunStats: ctx.Stats, errors: map[string]error{}}
	files := suite(t)
	e.apply(t, files)
	for _, file := range files {
		for i := range file.Tests {
			one := *file
			one.Tests = file.Tests[i : i+1]
			if err := runner.RunTest(ctx, &one); err != nil {
				id := file.Tests[i].IdString()
				out.errors[id] = err
				out.Failed = append(out.Failed, id)
				ctx.Client, err = ftwhttp.NewClient(conf) // not the connection of the old one
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return out
}

// config has the runner send everything to the target.
func (to target) config(t *testing.T, e exceptions) *config.RunnerConfig {
	t.Helper()
	host, portText, err := net.SplitHostPort(to.address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	protocol := "http"
	if to.https {
		protocol = "https"
	}
	set := config.NewDefaultConfig()
	set.LogFile = to.log
	set.MaxMarkerRetries = 50
	set.SkipTlsVerification = true
	set.TestOverride.Overrides = config.Overrides{DestAddr: &host, Port: &port, Protocol: &protocol}
	set.TestOverride.Ignore = map[*config.FTWRegexp]string{}
	for id, why := range e.Ignored {
		name, err := config.NewFTWRegexp("^" + regexp.QuoteMeta(id) + "$")
		if err != nil {
			t.Fatal(err)
		}
		set.TestOverride.Ignore[name] = why
	}
	conf := config.NewRunnerConfiguration(set)
	conf.ReadTimeout = 30 * time.Second // Coraza takes seconds for 64 KB on a busy machine
	if only := os.Getenv("CRS_ONLY"); only != "" {
		conf.Include = regexp.MustCompile(only)
	}
	return conf
}

// judge fails for every test that failed, and tells of those left out.
func judge(t *testing.T, stats outcome, e exceptions) {
	t.Helper()
	slices.Sort(stats.Failed)
	for _, id := range stats.Failed {
		if err := stats.errors[id]; err != nil {
			t.Errorf("%s failed: %v", id, err)
			continue
		}
		t.Errorf("%s failed; rules that matched: %v", id, stats.TriggeredRules[id])
	}
	t.Logf("%d tests, %d passed, %d failed, %d ignored, in %.1f s of requests", stats.Run, len(stats.Success), len(stats.Failed),
		len(stats.Ignored), stats.TotalTime.Seconds())
	for _, id := range slices.SortedFunc(slices.Values(stats.Ignored), cmp.Compare[string]) {
		t.Logf("ignored %s: %s", id, e.Ignored[id])
	}
}
