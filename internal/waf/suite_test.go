package waf_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"text/template"

	suite "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v4"
)

// suiteFile is what is used of a file of the rule set's own tests.
type suiteFile struct {
	Rule  int `yaml:"rule_id"`
	Tests []struct {
		ID     int `yaml:"test_id"`
		Stages []struct{ Input suiteInput }
	}
}

type suiteInput struct {
	Method, URI, Version *string
	Headers              map[string]string
	Ordered              []struct{ Name, Value string } `yaml:"ordered_headers"`
	Data                 *string
	EncodedData          *string `yaml:"encoded_data"`
	EncodedRequest       string  `yaml:"encoded_request"`
	Complete             *bool   `yaml:"autocomplete_headers"`
}

// suiteSamples is every stage of every test as the request that its runner
// would send.
func suiteSamples(t testing.TB) []sample {
	t.Helper()
	var out []sample
	err := fs.WalkDir(suite.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := suite.FS.ReadFile(path)
		if err != nil {
			return err
		}
		var file suiteFile
		if err := yaml.Unmarshal(text, &file); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		for _, one := range file.Tests {
			for _, stage := range one.Stages {
				s, err := stage.Input.sample()
				if err != nil {
					return fmt.Errorf("read %s, test %d: %w", path, one.ID, err)
				}
				s.name = fmt.Sprintf("%d-%d", file.Rule, one.ID)
				out = append(out, s)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 4000 {
		t.Fatalf("%d stages, want some 4,680", len(out))
	}
	return out
}

func (in *suiteInput) sample() (sample, error) {
	if in.EncodedRequest != "" {
		raw, err := base64.StdEncoding.DecodeString(in.EncodedRequest)
		return rawSample(raw), err
	}
	s := sample{method: or(in.Method, "GET"), target: or(in.URI, "/"), version: or(in.Version, "HTTP/1.1")}
	for _, f := range in.Ordered {
		s.add(f.Name, f.Value)
	}
	if len(in.Ordered) == 0 {
		for _, name := range sorted(in.Headers) {
			s.add(name, in.Headers[name])
		}
	}
	body, err := in.body()
	if err != nil {
		return s, err
	}
	s.body = body
	if in.Complete == nil || *in.Complete {
		s.complete()
	}
	s.response = reflected(&s)
	return s, nil
}

func (in *suiteInput) body() ([]byte, error) {
	if in.Data == nil {
		if in.EncodedData == nil {
			return nil, nil
		}
		return base64.StdEncoding.DecodeString(*in.EncodedData)
	}
	t, err := template.New("").Funcs(template.FuncMap{"repeat": func(n int, s string) string { return strings.Repeat(s, n) }}).Parse(*in.Data)
	if err != nil {
		return []byte(*in.Data), nil // what looks like a template and is none
	}
	var b bytes.Buffer
	err = t.Execute(&b, nil)
	return b.Bytes(), err
}

// complete adds what the suite's runner adds.
func (s *sample) complete() {
	if len(s.body) > 0 && s.get("Content-Type") == "" {
		s.add("Content-Type", form)
	}
	if s.get("Content-Type") == form {
		s.body = formEscaped(s.body)
	}
	if strings.Contains(strings.ToLower(s.get("Content-Type")), "multipart/form-data;") {
		s.body = bytes.ReplaceAll(s.body, []byte("\n"), []byte("\r\n"))
	}
	if s.get("Connection") == "" {
		s.add("Connection", "close")
	}
	if s.get("Content-Length") == "" && (len(s.body) > 0 || s.method == "POST") {
		s.add("Content-Length", fmt.Sprint(len(s.body)))
	}
}

// formEscaped escapes names and values where nothing is escaped yet.
func formEscaped(body []byte) []byte {
	if plain, err := url.QueryUnescape(string(body)); err != nil || plain != string(body) {
		return body
	}
	pairs := strings.Split(string(body), "&")
	for i, pair := range pairs {
		name, value, has := strings.Cut(pair, "=")
		pairs[i] = url.QueryEscape(name)
		if has {
			pairs[i] += "=" + url.QueryEscape(value)
		}
	}
	return []byte(strings.Join(pairs, "&"))
}

// reflected is what the suite's origin answers to a request, nil if that is
// nothing to look at.
func reflected(s *sample) *response {
	if s.target != "/reflect" {
		return nil
	}
	var want struct {
		Status            int
		Headers           map[string]string
		Body, EncodedBody string
	}
	if json.Unmarshal(s.body, &want) != nil {
		return nil
	}
	r := &response{status: max(want.Status, 200), kind: "text/plain", body: []byte(want.Body)}
	for _, name := range sorted(want.Headers) {
		if strings.EqualFold(name, "Content-Type") {
			r.kind = want.Headers[name]
			continue
		}
		r.fields = append(r.fields, [2]string{name, want.Headers[name]})
	}
	if raw, err := base64.StdEncoding.DecodeString(want.EncodedBody); err == nil && len(raw) > 0 {
		r.body = raw
	}
	return r
}
