package config

import (
	"fmt"
	"reflect"
)

// The values that may be written in more than one form.

func (d *decoder) origins(n *node, v reflect.Value, at place) {
	if n.kind == list {
		d.list(n, v, at)
		return
	}
	var o Origin
	d.value(n, reflect.ValueOf(&o).Elem(), at)
	v.Set(reflect.ValueOf(Origins{o}))
}

// originForm is an origin that is written as a mapping.
type originForm struct {
	URL    originURL `yaml:"url" example:"url: https://10.0.0.5:8443"`
	Weight int       `yaml:"weight,omitempty" jsonschema:"minimum=1"`
	Backup bool      `yaml:"backup,omitempty"`
}

// originURL is an origin of which only the URL is written.
type originURL Origin

func (d *decoder) origin(n *node, o *Origin, at place) {
	if n.kind != mapping {
		d.value(n, reflect.ValueOf((*originURL)(o)).Elem(), at)
		return
	}
	var form originForm
	d.mapping(n, reflect.ValueOf(&form).Elem(), at)
	*o = Origin(form.URL)
	o.Weight, o.Backup = form.Weight, form.Backup
}

func (d *decoder) statuses(n *node, v reflect.Value, at place) {
	if n.kind == list {
		d.list(n, v, at)
		return
	}
	var r StatusRange
	d.value(n, reflect.ValueOf(&r).Elem(), at)
	v.Set(reflect.ValueOf(Statuses{r}))
}

func (d *decoder) recording(n *node, r *Recording, at place) {
	d.orOff(n, at, "recording", &r.Off, r)
}

func (d *decoder) disk(n *node, r *Disk, at place) {
	d.orOff(n, at, "recording disk", &r.Off, r)
}

// accessLog reads where it goes, or a mapping.
func (d *decoder) accessLog(n *node, a *AccessLog, at place) {
	if n.kind == scalar {
		a.To = n.value
		return
	}
	d.mapping(n, reflect.ValueOf(a).Elem(), at)
}

// compress differs from orOff: left out, it is off.
func (d *decoder) compress(n *node, c *Compress, at place) {
	switch {
	case n.kind != scalar:
		d.mapping(n, reflect.ValueOf(c).Elem(), at)
	case n.value == "off":
		c.Off = true
	default:
		d.fault(n, at, "write {} for the defaults, {algorithms: [gzip]}, or off", "compress is %q", n.value)
	}
}

// orOff reads the word off, or a mapping into the struct that v points to.
func (d *decoder) orOff(n *node, at place, noun string, off *bool, v any) {
	switch {
	case n.kind != scalar:
		d.mapping(n, reflect.ValueOf(v).Elem(), at)
	case n.value == "off":
		*off = true
	default:
		d.fault(n, at, "write off, or leave it out for the defaults", "%s is %q", noun, n.value)
	}
}

const certificateForms = "write local, {file: shop.pem, key: shop.key} or {pfx: shop.pfx, password_file: pw}"

func (d *decoder) certificate(n *node, cert *Certificate, at place) {
	if n.kind == mapping && n.find("acme") != nil || n.kind == scalar && n.value == "acme" {
		d.fault(n, at, certificateForms, "%s: certificates by ACME are not available yet", at.noun)
		return
	}
	if n.kind == scalar {
		if cert.Local = n.value == "local"; !cert.Local {
			d.fault(n, at, certificateForms, "%s is %q", at.noun, n.value)
		}
		return
	}
	before := len(d.faults)
	d.mapping(n, reflect.ValueOf(cert).Elem(), at)
	if fault := cert.contradiction(); fault != "" && n.kind == mapping && len(d.faults) == before {
		d.fault(n, at, certificateForms, "%s %s", at.noun, fault)
	}
}

func (c *Certificate) contradiction() string {
	switch {
	case c.File == "" && c.PFX == "":
		return "names no file"
	case c.File != "" && c.PFX != "":
		return "names both file and pfx"
	case c.Key != "" && c.File == "":
		return "has a key without file"
	case c.PasswordFile != "" && c.PFX == "":
		return "has a password_file without pfx"
	}
	return ""
}

const siteNamePattern = `^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`

// sites adds the sites of one file. A site that is wrong stays in the map, so
// that it can be shown as failed and keeps its names.
func (d *decoder) sites(n *node, at place) {
	if !d.is(n, mapping, at, "") {
		return
	}
	if d.c.Sites == nil {
		d.c.Sites = map[string]*Site{}
	}
	for _, e := range n.entries {
		d.site(e, place{"sites." + e.key.value, fmt.Sprintf("site %q", e.key.value), e.key.value})
	}
}

func (d *decoder) site(e entry, at place) {
	name := e.key.value
	if d.c.Sites[name] != nil {
		first := d.c.places.spots[at.path]
		d.fault(e.key, at, fmt.Sprintf("the first is at %s:%d:%d", first.file, first.line, first.column), "%s is written twice", at.noun)
		return
	}
	if !d.names.MatchString(name) {
		d.fault(e.key, at, "begin with a letter or digit, go on with letters, digits, dots, dashes and underscores, 63 at most", "%q is no name for a site", name)
	}
	d.c.places.sites[name] = d.file
	d.note(e.key, at)
	s := &Site{Name: name}
	d.c.Sites[name] = s
	d.value(e.value, reflect.ValueOf(s).Elem(), at)
}
