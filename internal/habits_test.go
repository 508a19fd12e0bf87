package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is one package as its code is written, tests left out.
type source struct {
	path  string // relative to the module
	name  string
	fset  *token.FileSet
	files []*ast.File
}

// sources parses every package for every system, each file once.
func sources(t *testing.T) []source {
	t.Helper()
	byPath := map[string]*source{}
	parsed := map[string]bool{}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, p := range list(t, goos) {
			at := strings.TrimPrefix(p.ImportPath, module+"/")
			if byPath[at] == nil {
				byPath[at] = &source{path: at, fset: token.NewFileSet()}
			}
			s := byPath[at]
			for _, file := range slices.Concat(p.GoFiles, p.CgoFiles) {
				full := filepath.Join(p.Dir, file)
				if parsed[full] {
					continue
				}
				parsed[full] = true
				f, err := parser.ParseFile(s.fset, full, nil, parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				s.name = f.Name.Name
				s.files = append(s.files, f)
			}
		}
	}
	var all []source
	for _, s := range byPath {
		if len(s.files) > 0 {
			all = append(all, *s)
		}
	}
	slices.SortFunc(all, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return all
}

func (s *source) where(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", filepath.Join(s.path, filepath.Base(p.Filename)), p.Line)
}

// TestHabits holds every package to one doc comment, no registration behind
// the reader's back, and no state that belongs to the package.
func TestHabits(t *testing.T) {
	for _, s := range sources(t) {
		for _, fault := range slices.Concat(docFaults(s), registrationFaults(s), stateFaults(s)) {
			t.Error(fault)
		}
	}
}

func docFaults(s source) []string {
	want := "Package " + s.name + " "
	if s.name == "main" {
		want = "Command " + filepath.Base(s.path) + " "
	}
	var docs []*ast.File
	for _, f := range s.files {
		if f.Doc != nil && f.Doc.Text() != "" {
			docs = append(docs, f)
		}
	}
	switch {
	case len(docs) == 0:
		return []string{s.path + " has no package comment: say in one sentence what it is for"}
	case len(docs) > 1:
		return []string{s.where(docs[1].Name) + ": a second package comment; keep one"}
	case !strings.HasPrefix(docs[0].Doc.Text(), want):
		return []string{s.where(docs[0].Name) + ": begin the package comment with " + want}
	}
	return nil
}

func registrationFaults(s source) (out []string) {
	for _, f := range s.files {
		for _, imp := range f.Imports {
			if imp.Name != nil && imp.Name.Name == "_" && imp.Path.Value != `"embed"` {
				out = append(out, s.where(imp)+": blank import of "+imp.Path.Value+": wire what it registers by name, in app")
			}
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				out = append(out, s.where(fn)+": func init: put it into the list it registers with")
			}
		}
	}
	return out
}

// stateFaults lists the package-level variables that are more than a constant
// Go cannot write as one. It reads the syntax alone: a variable is a constant
// if it has a value from the start, its package assigns to no part of it and does
// not take its address, its type does not exist for being changed, and
// other packages see it only if it is an error.
func stateFaults(s source) (out []string) {
	specs := map[string]*ast.ValueSpec{}
	for _, f := range s.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				embedded := g.Doc != nil && strings.HasPrefix(g.Doc.List[len(g.Doc.List)-1].Text, "//go:embed")
				if why := declaredMutable(v, embedded); why != "" {
					out = append(out, s.where(v)+": package-level variable "+v.Names[0].Name+" "+why)
				}
				for _, n := range v.Names {
					if n.Name != "_" {
						specs[n.Name] = v
					}
				}
			}
		}
	}
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			for _, id := range written(n) {
				if v := specs[id.Name]; v != nil && (id.Obj == nil || id.Obj.Decl == v) {
					out = append(out, s.where(id)+": changes package-level variable "+id.Name+": make it a field of what uses it")
				}
			}
			return true
		})
	}
	return out
}

func declaredMutable(v *ast.ValueSpec, embedded bool) string {
	if v.Names[0].Name == "_" || embedded {
		return ""
	}
	if len(v.Values) == 0 {
		return "begins empty, so something must fill it: make it a field"
	}
	for _, n := range v.Names {
		if n.IsExported() && !strings.HasPrefix(n.Name, "Err") {
			return "is exported, so anybody may change it: make it a function"
		}
	}
	why := ""
	for _, part := range append(slices.Clone(v.Values), v.Type) {
		if part == nil {
			continue
		}
		ast.Inspect(part, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") {
					why = "exists to be changed: make it a field"
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "make" || f.Name == "new") {
					why = "begins empty, so something must fill it: make it a field"
				}
			}
			return true
		})
	}
	return why
}

// written gives the variables that a node changes or lets others change.
func written(n ast.Node) []*ast.Ident {
	var targets []ast.Expr
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			targets = n.Lhs
		}
	case *ast.IncDecStmt:
		targets = []ast.Expr{n.X}
	case *ast.UnaryExpr:
		// The address of a table's row is how a row is handed on uncopied.
		if _, row := n.X.(*ast.IndexExpr); n.Op == token.AND && !row {
			targets = []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
			targets = n.Args[:1]
		}
	}
	var out []*ast.Ident
	for _, e := range targets {
		if id := root(e); id != nil {
			out = append(out, id)
		}
	}
	return out
}

// root is the variable an expression is a part of.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// TestHabitsCanFail tries each habit on code that breaks it and code that
// keeps it.
func TestHabitsCanFail(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{"// Package p is one thing.\npackage p\nvar errGone = errors.New(`gone`)\nvar ErrOpen = errors.New(`open`)", ""},
		{"// Package p is one thing.\npackage p\nvar table = map[string]int{`a`: 1}\nfunc f() int { return table[`a`] }", ""},
		{"// Package p is one thing.\npackage p\nvar table = []int{1}\nfunc f() { table := []int{2}; table[0] = 3 }", ""},
		{"// Package p is one thing.\npackage p\n//go:embed x\nvar x string", ""},
		{"// Package p is one thing.\npackage p\nvar _ I = (*t)(nil)\nfunc f() { _ = g() }", ""},
		{"package p", "no package comment"},
		{"// Things.\npackage p", "begin the package comment"},
		{"// Package p is one thing.\npackage p\nfunc init() {}", "func init"},
		{"// Package p is one thing.\npackage p\nimport _ `net/http/pprof`", "blank import"},
		{"// Package p is one thing.\npackage p\nvar count int", "begins empty"},
		{"// Package p is one thing.\npackage p\nvar seen = make(map[string]bool)", "begins empty"},
		{"// Package p is one thing.\npackage p\nvar lock = sync.Mutex{}", "exists to be changed"},
		{"// Package p is one thing.\npackage p\nvar Default = []int{1}", "is exported"},
		{"// Package p is one thing.\npackage p\nvar table = map[string]int{}\nfunc f() { table[`a`] = 1 }", "changes package-level variable table"},
		{"// Package p is one thing.\npackage p\nvar n = 1\nfunc f() { n++ }", "changes package-level variable n"},
		{"// Package p is one thing.\npackage p\nvar n = t{}\nfunc f() *t { return &n }", "changes package-level variable n"},
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "p.go", test.body, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		s := source{path: "p", name: "p", fset: fset, files: []*ast.File{f}}
		got := strings.Join(slices.Concat(docFaults(s), registrationFaults(s), stateFaults(s)), "\n")
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s\ngot %q, want %q", test.body, got, test.want)
		}
	}
}
