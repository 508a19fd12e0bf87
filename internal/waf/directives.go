package waf

import (
	"cmp"
	"fmt"
	"strings"

	"fanlight/internal/waf/seclang"
)

// directives are what every engine reads, in SecLang: those of the policy, and
// what it adds.
func (p *Policy) directives() string { return p.base() + p.Directives + "\n" }

// sources are the directives for a reader that tells where a fault is.
func (p *Policy) sources() []seclang.Source {
	return []seclang.Source{seclang.Text("policy", p.base()), seclang.Text(cmp.Or(p.File, "directives"), p.Directives)}
}

// base is settings, what stands in for the rule set's own setup file, the
// exclusions, and the rule set. The values of the settings are those that Coraza 3.8.1 recommends,
// but for the limits of bodies, which the door keeps.
func (p *Policy) base() string {
	var b strings.Builder
	b.WriteString(p.settings())
	b.WriteString(ownRules)
	b.WriteString(p.setup())
	for i := range p.Exclusions {
		b.WriteString(p.Exclusions[i].directive(exclusionRules + i))
	}
	b.WriteString("Include @owasp_crs/*.conf\n")
	return b.String()
}

// Ids of our own rules, in the range that the rule set leaves to its users.
const (
	setupRule      = 99000
	exclusionRules = 99100
)

// settings configure the engine. A body never reaches the limit of the engine:
// what it is given is cut before.
func (p *Policy) settings() string {
	engine, responses := "On", "Off"
	if p.Mode == Watch {
		engine = "DetectionOnly"
	}
	if p.Responses {
		responses = "On"
	}
	limit := p.BodyLimit + p.FilesLimit + 1
	return fmt.Sprintf(`SecRuleEngine %s
SecRequestBodyAccess On
SecRequestBodyLimit %d
SecRequestBodyInMemoryLimit %d
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit %d
SecArgumentsLimit %d
SecResponseBodyAccess %s
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimit %d
SecResponseBodyLimitAction ProcessPartial
SecResponseBodyJsonDepthLimit 1024
SecAuditEngine Off
`, engine, limit, limit, jsonDepth, argumentLimit, responses, ResponseLimit)
}

// What is read of a request at most.
const (
	argumentLimit = 1000
	jsonDepth     = 1024
)

// ResponseLimit is how many bytes of a response body rules see.
const ResponseLimit = 512 << 10

// ownRules choose how a body is read, and refuse what cannot be read as what it
// says it is. A body that was cut is not held against its client:
// INBOUND_DATA_ERROR says that it was.
const ownRules = `
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application/(?:soap\+)?|text/)xml" "id:200000,phase:1,pass,nolog,t:none,t:lowercase,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/json" "id:200001,phase:1,pass,nolog,t:none,t:lowercase,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/[a-z0-9.-]+\+json" "id:200006,phase:1,pass,nolog,t:none,t:lowercase,ctl:requestBodyProcessor=JSON"
SecRule URI_PARSE_ERROR "@eq 1" "id:200009,phase:1,deny,status:400,log,t:none,msg:'The request target is not a URI'"
SecRule ARGUMENTS_LIMIT_REACHED "@eq 1" "id:200004,phase:1,deny,status:400,log,t:none,msg:'More parameters than are looked at'"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,deny,status:400,log,t:none,msg:'The request body is not what its media type says',logdata:'%{reqbody_error_msg}',severity:2,chain"
    SecRule INBOUND_DATA_ERROR "!@eq 1" "t:none"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,deny,status:400,log,t:none,msg:'The parts of the request body can be read in two ways',logdata:'repeated header or parameter: %{MULTIPART_DUPLICATE_PART_HEADER}, quoted extended file name: %{MULTIPART_INVALID_QUOTING}'"
SecRule ARGUMENTS_LIMIT_REACHED "@eq 1" "id:200005,phase:2,deny,status:400,log,t:none,msg:'More parameters in the body than are looked at'"
`

// setup is what the rule set's setup file would say. Phases 3 to 5 have no
// default there, so that rule 980170 would log nothing.
func (p *Policy) setup() string {
	var b strings.Builder
	for phase := 1; phase <= 5; phase++ {
		fmt.Fprintf(&b, "SecDefaultAction \"phase:%d,log,auditlog,pass\"\n", phase)
	}
	fmt.Fprintf(&b, `SecAction "id:%d,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=4250,setvar:tx.blocking_paranoia_level=%d,setvar:tx.detection_paranoia_level=%d,setvar:tx.inbound_anomaly_score_threshold=%d,setvar:tx.outbound_anomaly_score_threshold=%d"
`, setupRule, p.Paranoia, p.Detect, p.Inbound, p.Outbound)
	for i, v := range p.Setup {
		fmt.Fprintf(&b, "SecAction \"id:%d,phase:1,pass,t:none,nolog,setvar:'tx.%s=%s'\"\n", setupRule+1+i, v.Name, v.Value)
	}
	return b.String()
}
