package crs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	rules "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/coreruleset/go-ftw/v2/ftwhttp"
	"github.com/coreruleset/go-ftw/v2/test"
)

// blocking has every rule that scores refuse by itself: a rule whose match adds
// only two points would otherwise need another beside it.
// With responses alone, it is the origin's answer that must be refused: who asks
// for one in the suite would not come so far.
func blocking(level int, responses bool) string {
	inbound := 1
	if responses {
		inbound = 1_000_000
	}
	mode := strings.Replace(watching, "mode: watch, paranoia: 4", fmt.Sprintf("mode: block, paranoia: %d", level), 1)
	return fmt.Sprintf("%s, thresholds: {inbound: %d, outbound: 1}", mode, inbound)
}

// TestBlocking sends each test at the paranoia level of its rule, and looks at
// what the client gets: 403 where the rule is to match, and no 403 where it is
// not, unless other rules are what refuses.
func TestBlocking(t *testing.T) {
	for _, scheme := range schemes("https") {
		t.Run(scheme, func(t *testing.T) {
			var policies []string
			for site := range 8 {
				policies = append(policies, blocking(1+site%4, site >= 4))
			}
			d := startDoor(t, scheme, policies...)
			e := readExceptions(t, "ignored.yaml")
			c := &checker{t: t, scheme: scheme, d: d, e: e, levels: paranoiaLevels(t)}
			files := suite(t)
			e.apply(t, files)
			for _, file := range files {
				c.file(file)
			}
			c.report()
		})
	}
}

// checker judges tests by what the client gets.
type checker struct {
	t      *testing.T
	scheme string
	d      *door
	e      exceptions
	levels map[uint]int // of rules
	read   int64        // of the audit
	counts [5]struct{ refused, passed, others, wrong, ignored int }
}

func (c *checker) file(file *test.FTWTest) {
	level := max(c.levels[file.RuleId], 1)
	site := level - 1
	if file.RuleId >= 950000 && file.RuleId < 960000 {
		site += 4
	}
	conf := target{address: c.d.addresses[site], https: c.scheme == "https"}.config(c.t, c.e)
	conf.RunMode = "cloud"
	for i := range file.Tests {
		one := &file.Tests[i]
		id := one.IdString()
		if conf.Include != nil && !conf.Include.MatchString(id) {
			continue
		}
		count := &c.counts[level]
		if c.e.Ignored[id] != "" {
			count.ignored++
			continue
		}
		for _, stage := range one.Stages {
			input := test.NewInput(&stage.Input)
			test.ApplyInputOverrides(conf, input)
			client, err := ftwhttp.NewClient(conf)
			if err != nil {
				c.t.Fatal(err)
			}
			status, err := send(client, input)
			matched := c.matched()
			out := &stage.Output
			switch {
			case err != nil:
				count.wrong++
				c.t.Errorf("%s at level %d: %v", id, level, err)
			case status >= 400 && status == out.Status, out.Status >= 400 && status == 403:
				count.refused++ // by the door itself, as Apache does, or by a rule
			case len(out.Log.ExpectIds) > 0 || out.Log.MatchRegex != "":
				// Rules below 900000 are the door's own, about bodies that cannot be read.
				refused := status == 403 || status == 400 && slices.ContainsFunc(matched, func(id uint) bool { return id < 900000 })
				if refused && !slices.ContainsFunc(out.Log.ExpectIds, func(id uint) bool { return !slices.Contains(matched, id) }) {
					count.refused++
					break
				}
				count.wrong++
				c.t.Errorf("%s at level %d: status %d, want 403 and rules %v; rules that matched: %v", id, level, status, out.Log.ExpectIds, matched)
			case status != 403:
				count.passed++
			case len(matched) > 0 && !slices.ContainsFunc(out.Log.NoExpectIds, func(id uint) bool { return slices.Contains(matched, id) }):
				count.others++
			default:
				count.wrong++
				c.t.Errorf("%s at level %d: refused; rules that matched: %v", id, level, matched)
			}
		}
	}
}

// send gives the status of the answer.
func send(client *ftwhttp.Client, input *test.Input) (int, error) {
	line := &ftwhttp.RequestLine{Method: input.GetMethod(), URI: input.GetURI(), Version: input.GetVersion()}
	req := ftwhttp.NewRequest(line, input.GetHeaders(), input.GetData(), *input.AutocompleteHeaders)
	if input.EncodedRequest != "" {
		raw, err := base64.StdEncoding.DecodeString(input.EncodedRequest)
		if err != nil {
			return 0, err
		}
		req = ftwhttp.NewRawRequest(raw)
	}
	to := ftwhttp.Destination{DestAddr: input.GetDestAddr(), Port: input.GetPort(), Protocol: input.GetProtocol()}
	if err := client.NewConnection(to); err != nil {
		return 0, err
	}
	res, err := client.Do(*req)
	if err != nil {
		return 0, err
	}
	return res.Parsed.StatusCode, nil
}

// matched are the rules that the audit names since it was last asked.
func (c *checker) matched() (ids []uint) {
	f, err := os.Open(c.d.audit)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err = f.Seek(c.read, 0); err == nil {
		_, err = b.ReadFrom(f)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.read += int64(b.Len())
	for line := range bytes.Lines(b.Bytes()) {
		var record struct{ Rules []struct{ ID uint } }
		if err := json.Unmarshal(line, &record); err != nil {
			c.t.Fatalf("read the audit: %v in %q", err, line)
		}
		for _, rule := range record.Rules {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

func (c *checker) report() {
	for level := 1; level <= 4; level++ {
		n := c.counts[level]
		c.t.Logf("level %d: %d refused as wanted, %d let pass as wanted, %d refused for other rules than the one that must not match, %d wrong, %d ignored",
			level, n.refused, n.passed, n.others, n.wrong, n.ignored)
	}
}

// paranoiaLevels reads of each rule at which level it runs.
func paranoiaLevels(t *testing.T) map[uint]int {
	t.Helper()
	out := map[uint]int{}
	id, level := regexp.MustCompile(`"id:(\d+),`), regexp.MustCompile(`tag:'paranoia-level/(\d)'`)
	files, err := fs.Glob(rules.FS, "@owasp_crs/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(rules.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		for directive := range strings.SplitSeq(strings.ReplaceAll(string(text), "\\\n", ""), "\n") {
			number, tag := id.FindStringSubmatch(directive), level.FindStringSubmatch(directive)
			if number == nil || tag == nil {
				continue
			}
			n, _ := strconv.ParseUint(number[1], 10, 32) // digits
			out[uint(n)] = int(tag[1][0] - '0')
		}
	}
	if len(out) < 200 {
		t.Fatalf("%d rules have a paranoia level, want more than 200", len(out))
	}
	return out
}
