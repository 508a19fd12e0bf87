package config

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

const maxFileSize = 8 * mib

// file is one source of a configuration.
type file struct {
	name string
	src  []byte
}

// siteFile is what a file of sites.d may hold.
type siteFile struct {
	Sites map[string]*Site `yaml:"sites,omitempty"`
}

// Load reads the configuration at path and sites.d/*.yaml beside it, applies
// the defaults and checks it. Faults outside of sites, or a file that is not
// YAML, are an error of type *Faults with every fault there is, those of sites
// too; a file that cannot be read is any other error. Faults inside sites fail
// their site alone: they are in Config.Faults, and the site is still listed
// with what could be read of it.
func Load(path string) (*Config, error) {
	names, err := Files(path)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, name := range names {
		src, err := readFile(name)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		files = append(files, file{name, src})
	}
	return build(files)
}

// Files are the names of the files that make the configuration at path: itself
// and sites.d/*.yaml beside it.
func Files(path string) ([]string, error) {
	more, err := filepath.Glob(filepath.Join(escapeGlob(filepath.Dir(path)), "sites.d", "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list sites.d: %w", err)
	}
	return append([]string{path}, more...), nil
}

// Parse is Load for one file that has been read, without sites.d; name is its
// path.
func Parse(name string, src []byte) (*Config, error) {
	return build([]file{{name, src}})
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(src) > maxFileSize {
		err = fmt.Errorf("%s is larger than %s", name, Size(maxFileSize))
	}
	return src, err
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func build(files []file) (*Config, error) {
	c := &Config{Path: files[0].name, Dir: absolute(filepath.Dir(files[0].name))}
	d := newDecoder(c)
	for i, f := range files {
		d.file = f.name
		c.places.addFile(f.name, f.src)
		root, err := parseYAML(f.src)
		switch {
		case err != nil:
			d.syntax(err)
		case i == 0:
			d.value(root, reflect.ValueOf(c).Elem(), place{})
		default:
			d.value(root, reflect.ValueOf(&siteFile{}).Elem(), place{})
		}
	}
	if !slices.ContainsFunc(d.faults, isGlobal) {
		c.SetDefaults()
		d.faults = append(d.faults, c.check(d.faults)...)
	}
	c.sortFaults(d.faults)
	if slices.ContainsFunc(d.faults, isGlobal) {
		return nil, (*Faults)(&d.faults)
	}
	c.Faults = d.faults
	return c, nil
}

func isGlobal(f Fault) bool { return f.Site == "" }

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// Resolve gives the absolute form of a path in the configuration.
func (c *Config) Resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Dir, path)
}

// DataDir is the absolute data folder.
func (c *Config) DataDir() string { return c.Resolve(c.Data) }

// ControlSocket is the absolute path of the control socket.
func (c *Config) ControlSocket() string {
	return c.Resolve(strings.TrimPrefix(c.Control, "unix:"))
}

// SiteNames are the names of the sites in the order of the files.
func (c *Config) SiteNames() []string {
	return slices.SortedFunc(maps.Keys(c.Sites), func(a, b string) int {
		return cmp.Or(c.compareSpots(c.places.spots["sites."+a], c.places.spots["sites."+b]), cmp.Compare(a, b))
	})
}

// SiteFile is the file in which a site is written.
func (c *Config) SiteFile(site string) string { return c.places.sites[site] }
