package config

import (
	"reflect"

	"github.com/invopop/jsonschema"
)

func (f *Filter) setDefaults() {
	if f == nil {
		return
	}
	f.preset()
	setDefault(&f.Mode, "block")
	for _, choice := range []*string{&f.DoubleEscaping, &f.HighBit, &f.DotsInPath, &f.UnescapedPercent} {
		setDefault(choice, "allow")
	}
	setDefault(&f.Normalize, new(true))
	setDefault(&f.UnescapeQuery, new(true))
	setDefault(&f.AlwaysAllow.Skips, "all")
	for i := range f.Rules {
		setDefault(&f.Rules[i].UnescapedPercent, "allow")
	}
}

// preset fills in what a product shipped with. A list that is there but empty
// stays empty.
func (f *Filter) preset() {
	switch f.Preset {
	case "iis":
		setDefault(&f.DoubleEscaping, "deny")
		f.shipped(shippedIIS())
	case "urlscan":
		for _, choice := range []*string{&f.DoubleEscaping, &f.HighBit, &f.DotsInPath} {
			setDefault(choice, "deny")
		}
		f.shipped(shippedUrlScan())
	}
}

func (f *Filter) shipped(s Filter) {
	setDefault(&f.Verbs, s.Verbs)
	setDefault(&f.Extensions, s.Extensions)
	for _, list := range []struct{ mine, shipped *[]string }{
		{&f.DenyURL, &s.DenyURL}, {&f.DenyQuery, &s.DenyQuery}, {&f.DenyHeaders, &s.DenyHeaders}, {&f.HiddenSegments, &s.HiddenSegments},
	} {
		if *list.mine == nil {
			*list.mine = *list.shipped
		}
	}
	setDefault(&f.Max.URL, s.Max.URL)
	setDefault(&f.Max.Query, s.Max.Query)
	setDefault(&f.Max.Body, s.Max.Body)
}

// shippedIIS is what the element requestFiltering of a fresh IIS 10 says (IIS
// documentation: fileExtensions, hiddenSegments, requestLimits).
func shippedIIS() Filter {
	return Filter{
		Extensions: &FilterExtensions{Deny: []string{
			".asa", ".asax", ".ascx", ".master", ".skin", ".browser", ".sitemap", ".config", ".cs", ".csproj", ".vb", ".vbproj", ".webinfo", ".licx", ".resx", ".resources",
			".mdb", ".vjsproj", ".java", ".jsl", ".ldb", ".dsdgm", ".ssdgm", ".lsad", ".ssmap", ".cd", ".dsprototype", ".lsaprototype", ".sdm", ".sdmDocument", ".mdf", ".ldf",
			".ad", ".dd", ".ldd", ".sd", ".adprototype", ".lddprototype", ".exclude", ".refresh", ".compiled", ".msgx", ".vsdisco", ".rules",
		}},
		HiddenSegments: []string{"web.config", "bin", "App_code", "App_GlobalResources", "App_LocalResources", "App_WebReferences", "App_Data", "App_Browsers"},
		Max:            FilterMax{URL: 4096, Query: 2048, Body: 30000000},
	}
}

// shippedUrlScan is what the UrlScan.ini of version 3.1 says.
func shippedUrlScan() Filter {
	return Filter{
		Verbs: &FilterVerbs{Allow: []string{"GET", "HEAD", "POST"}},
		Extensions: &FilterExtensions{Deny: []string{
			".exe", ".bat", ".cmd", ".com", ".htw", ".ida", ".idq", ".htr", ".idc", ".shtm", ".shtml", ".stm", ".printer", ".ini", ".log", ".pol", ".dat", ".config",
		}},
		DenyURL:     []string{"..", "./", `\`, ":", "%", "&"},
		DenyQuery:   []string{"<", ">"},
		DenyHeaders: []string{"Translate", "If", "Lock-Token", "Transfer-Encoding"},
		Max:         FilterMax{URL: 260, Query: 2048, Body: 30000000},
	}
}

const serverHeaderForms = "write keep, remove, or {set: NAME}"

// serverHeader reads one of two words, or the name in its place.
func (d *decoder) serverHeader(n *node, h *ServerHeader, at place) {
	if n.kind == scalar {
		if h.Remove = n.value == "remove"; !h.Remove && n.value != "keep" {
			d.fault(n, at, serverHeaderForms, "%s is %q", at.noun, n.value)
		}
		return
	}
	var form struct {
		Set string `yaml:"set" example:"set: NAME"`
	}
	d.mapping(n, reflect.ValueOf(&form).Elem(), at)
	if h.Set = form.Set; h.Set == "" && n.find("set") != nil {
		d.fault(n, at, "write remove to have none", "%s sets nothing", at.noun)
	}
}

func (h ServerHeader) String() string {
	switch {
	case h.Remove:
		return "remove"
	case h.Set != "":
		return "set " + h.Set
	}
	return "keep"
}

func serverHeaderSchema() *jsonschema.Schema {
	properties := jsonschema.NewProperties()
	properties.Set("set", &jsonschema.Schema{Type: "string"})
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Const: "keep"}, {Const: "remove"},
		{Type: "object", Properties: properties, Required: []string{"set"}, AdditionalProperties: jsonschema.FalseSchema},
	}}
}
