package iisimport

import (
	"strings"
	"testing"
)

func TestRequestFiltering(t *testing.T) {
	for _, c := range []struct {
		name, xml string // what stands in requestFiltering, or a whole file
		answers   string
		want, not string
		report    string // as in TestUrlScan
	}{
		{name: "defaults", xml: "", want: "  double_escaping: deny |   high_bit: allow", not: "verbs"},
		{name: "lengths by default", xml: "", want: "    url: 4096 |     query: 2048 |     body: 30000000"},
		{name: "verbs that may come", xml: `<verbs allowUnlisted="False"><add verb="GET"/><add verb="PUT" allowed="false"/></verbs>`, want: "    allow: [GET]", report: `unused <add verb="PUT" allowed="false">`},
		{name: "verbs that may not, letter case counts", xml: `<verbs><add verb="TRACE" allowed="false"/></verbs>`, want: "    deny: [TRACE] |     ignore_case: false"},
		{name: "a verb in lower case", xml: `<verbs allowUnlisted="false"><add verb="get"/></verbs>`, answers: "verb_case=upper", want: "    allow: [GET]"},
		{name: "two verbs that differ by case", xml: `<verbs><add verb="Get" allowed="false"/><add verb="GET" allowed="false"/></verbs>`, want: "    deny: [Get, GET]"},
		{name: "nothing may come", xml: `<verbs allowUnlisted="false"/>`, not: "verbs", report: `lost allowUnlisted="false": refuses every request`},
		{name: "extensions", xml: `<fileExtensions allowUnlisted="false"><add fileExtension="." allowed="true"/><add fileExtension=".htm" allowed="true"/></fileExtensions>`, want: `    allow: [".", .htm]`},
		{name: "an extension without a dot", xml: `<fileExtensions><add fileExtension="exe" allowed="false"/></fileExtensions>`, not: "extensions:", report: `lost <add fileExtension="exe" allowed="false">`},
		{name: "cleared", xml: `<hiddenSegments><add segment="a"/><clear/><add segment="b"/></hiddenSegments>`, want: "  hidden_segments: [b]", report: `unused <add segment="a">: clears`},
		{name: "removed", xml: `<hiddenSegments><add segment="a"/><remove segment="A"/><remove segment="c"/></hiddenSegments>`, not: "hidden_segments", report: `unused <remove segment="c">: another file`},
		{name: "twice", xml: `<hiddenSegments><add segment="a"/><add segment="A"/></hiddenSegments>`, want: "  hidden_segments: [a]", report: `unused <add segment="A">: twice`},
		{name: "more than a segment", xml: `<hiddenSegments><add segment="a/b"/></hiddenSegments>`, report: `lost <add segment="a/b">`},
		{name: "no name", xml: `<hiddenSegments><add name="a"/></hiddenSegments>`, report: `lost <add name="a">: 500.19`},
		{name: "WebDAV", xml: `<verbs applyToWebDAV="false"/>`, report: `lost applyToWebDAV="false"`},
		{name: "headers", xml: `<requestLimits><headerLimits><add header="If" sizeLimit="0"/><add header="B" sizeLimit="x"/></headerLimits></requestLimits>`, want: "    headers: |       If: 0", report: `lost <add header="B" sizeLimit="x">`},
		{name: "no limit", xml: `<requestLimits maxUrl="0" maxQueryString="many"/>`, want: "    query: 2048", not: " url:", report: `lost maxUrl="0"`},
		{name: "bodies in chunks", xml: `<requestLimits maxAllowedContentLength="4294967295"/>`, want: "    body: 4294967295", report: `differs maxAllowedContentLength="4294967295": chunks`},
		{name: "sequences", xml: `<denyUrlSequences><add sequence="%"/><add sequence="%2e"/></denyUrlSequences>`, answers: "escapes=letters", want: `  deny_url: ["%", "%252e"]`},
		{name: "sequences that are bytes", xml: `<denyUrlSequences><add sequence="%0d"/></denyUrlSequences>`, answers: "escapes=byte", want: `  deny_url: ["%0d"]`},
		{name: "always allowed", xml: `<alwaysAllowedUrls><add url="/a"/><add url="b"/></alwaysAllowedUrls><alwaysAllowedQueryStrings><add queryString="a=b"/></alwaysAllowedQueryStrings>`, want: `    urls: ["/a"] |     queries: ["a=b"] |     skips: sequences`, report: `unused <add url="b">`},
		{name: "a rule", xml: `<filteringRules><filteringRule name="a" scanUrl="true"><denyStrings><add string="x"/></denyStrings></filteringRule></filteringRules>`, want: "    - name: a |       url: true |       deny: [x] |       unescaped_percent: deny"},
		{name: "a rule with spelled out escapes", xml: `<filteringRules><filteringRule name="a" scanAllRaw="true" denyUnescapedPercent="false"><denyStrings><add string="x"/><add string="z"/><remove string="x"/></denyStrings></filteringRule></filteringRules>`, want: "    - name: a |       raw: true |       deny: [z] |       unescaped_percent: allow"},
		{name: "rules come and go", xml: `<filteringRules><filteringRule name="a" scanUrl="true"/><remove name="A"/><filteringRule name="b"/><add/></filteringRules>`, not: "rules", report: `unused <filteringRule name="b">: scans nothing`},
		{name: "what is not known", xml: `<verbs odd="1"/><odd/>`, report: `lost odd="1"`},
		{name: "an element that is not known", xml: `<odd/>`, report: "lost <odd>"},
		{name: "locks", xml: `<verbs lockItem="true"/>`, report: `elsewhere lockItem="true"`},
		{name: "neither true nor false", xml: `<requestFiltering allowDoubleEscaping="maybe"/>`, want: "  double_escaping: deny |   high_bit: allow", report: `lost allowDoubleEscaping="maybe"`},
		{name: "Server", xml: `<requestFiltering removeServerHeader="TRUE"/>`, want: "  server_header: remove"},
		{name: "a list in another file", xml: `<verbs configSource="verbs.config"/>`, report: `lost configSource="verbs.config": verbs.config`},
		{name: "in another file", xml: `<configuration><system.webServer><security><requestFiltering configSource="rf.config"/></security></system.webServer></configuration>`, report: `lost <requestFiltering configSource="rf.config">: rf.config`},
		{name: "one location", xml: `<configuration><location path="api"><system.webServer><security><requestFiltering allowDoubleEscaping="true"/></security></system.webServer></location></configuration>`, want: "  double_escaping: allow |   high_bit: allow"},
		{name: "merged from above", xml: twoPlaces, answers: "location=Site/api", want: "    deny: [TRACE, PUT]", report: `unused allowDoubleEscaping="false": overrides`},
		{name: "from above alone", xml: twoPlaces, answers: "location=.", want: "    deny: [TRACE]", report: `unused <requestFiltering allowDoubleEscaping="true">: --answer location=Site/api`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.xml
			if !strings.Contains(text, "requestFiltering") {
				text = "<requestFiltering>" + text + "</requestFiltering>"
			}
			r, err := RequestFiltering([]byte(text), parseAnswers(c.answers))
			if err != nil {
				t.Fatal(err)
			}
			check(t, r, c.want, c.not, c.report)
		})
	}
}

const twoPlaces = `<configuration>
<system.webServer><security><requestFiltering allowDoubleEscaping="false"><verbs><add verb="TRACE" allowed="false"/></verbs></requestFiltering></security></system.webServer>
<location path="Site/api"><system.webServer><security><requestFiltering allowDoubleEscaping="true"><verbs><add verb="PUT" allowed="false"/></verbs></requestFiltering></security></system.webServer></location>
<location path="Site2"><system.webServer><security><requestFiltering/></security></system.webServer></location>
</configuration>`

func TestPlacesAreAsked(t *testing.T) {
	r, err := RequestFiltering([]byte(twoPlaces), nil)
	if err != nil {
		t.Fatal(err)
	}
	if open := r.Open(); len(open) != 1 || open[0].Choices() != "., Site/api, Site2" {
		t.Errorf("asked %+v", open)
	}
	for _, pair := range [][2]string{{"", "a"}, {"Site", "site/API"}, {"a/b", "A/B"}} {
		if !covers(pair[0], pair[1]) {
			t.Errorf("%q does not hold at %q", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"Site", "Site2"}, {"a/b", "a"}, {"b", "a/b"}} {
		if covers(pair[0], pair[1]) {
			t.Errorf("%q holds at %q", pair[0], pair[1])
		}
	}
}

func TestDamagedXML(t *testing.T) {
	const begun = "<configuration><system.webServer><security><requestFiltering><verbs><add verb='PUT' allowed='false'/>"
	r, err := RequestFiltering([]byte(begun+"</vers>"), nil)
	if r == nil || err == nil || !strings.Contains(r.YAML("x"), "deny: [PUT]") {
		t.Errorf("of a file that breaks off was read %+v, with %v", r, err)
	}
	for _, text := range []string{"", "no XML", "<configuration/>", "<configuration><system.webServer/></configuration>", strings.Repeat("<a>", 1000)} {
		if r, err := RequestFiltering([]byte(text), nil); err == nil || r != nil {
			t.Errorf("%.40q was read", text)
		}
	}
	deep := "<requestFiltering>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</requestFiltering>"
	if _, err := RequestFiltering([]byte(deep), nil); err == nil || !strings.Contains(err.Error(), "within each other") {
		t.Errorf("depth: %v", err)
	}
}
