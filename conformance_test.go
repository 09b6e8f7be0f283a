// SPDX-License-Identifier: Apache-2.0

package nrlsecurity_test

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A requirement is a sentence of the NRL's security guidance that asks for
// something, in words of our own, with the section that it stands in.
type requirement struct{ id, section, words string }

const (
	interactionSecurity = "Interaction Security"
	protocols           = "Secure Socket Layer (SSL) and Transport Layer Security (TLS) Protocols"
	ciphers             = "Ciphers"
	clientCertificates  = "Client Certificates (TLSMA)"
	externalDocuments   = "External Documents/Policy Documents"
)

// requirements are all sentences of the guidance that ask for something, in its
// order.
var requirements = []requirement{
	{"IS-1", interactionSecurity, "each interaction has an ID of its own"},
	{"IS-2", interactionSecurity, "each system has an ASID of its own, which is associated with one or more interactions"},
	{"IS-3", interactionSecurity, "these are the interactions that the system was approved and assured for"},
	{"IS-4", interactionSecurity, "a request carries the sender's ASID and the ID of the interaction that it attempts"},
	{"IS-5", interactionSecurity, "a request is blocked if its interaction is not associated with its ASID"},
	{"IS-6", interactionSecurity, "by supersede, update and delete a provider changes only pointers of its own"},
	{"IS-7", interactionSecurity, "to this end the ASID is compared with the ODS code found in the pointer"},
	{"IS-8", interactionSecurity, "the attempt is blocked if the ASID is not associated with that ODS code"},
	{"TP-1", protocols, "TLS 1.2 is the only protocol that is supported"},
	{"TP-2", protocols, "SSL 2, SSL 3, TLS 1.0 and TLS 1.1 MUST NOT be used"},
	{"TP-3", protocols, "every consumer and every provider MUST be configured to speak TLS 1.2"},
	{"CI-1", ciphers, "only the eight suites of the list are supported"},
	{"CI-2", ciphers, "the list is in order of preference, the most preferred first"},
	{"CI-3", ciphers, "suites with GCM are preferred to those without"},
	{"CC-1", clientCertificates, "providers and consumers MUST only accept client certificates that the DIR team issued"},
	{"CC-2", clientCertificates, "they MUST only accept those with a valid chain of trust to the Spine's SubCA and root CA"},
	{"CC-3", clientCertificates, "they MUST only accept those that have not expired"},
	{"CC-4", clientCertificates, "they MUST only accept those that have not been revoked"},
	{"CC-5", clientCertificates, "they MUST verify that the FQDN in it is that of the Spine Secure Proxy"},
	{"CC-6", clientCertificates, "the FQDN and certificate of search and maintenance may be used for retrieval, too"},
	{"CC-7", clientCertificates, "the DIR team confirms this when the endpoint is registered"},
	{"ED-1", externalDocuments, "the guideline of approved cryptographic algorithms and the WES apply beside it"},
}

// A conformanceRow is a row of CONFORMANCE.md.
type conformanceRow struct {
	section, words, does, functions, tests, cases, yours string
}

var quotedItem = regexp.MustCompile("`([^`]+)`")

func quotedItems(cell string) (items []string) {
	for _, match := range quotedItem.FindAllStringSubmatch(cell, -1) {
		items = append(items, match[1])
	}
	return items
}

func conformanceRows(t *testing.T) map[string]conformanceRow {
	t.Helper()
	page, err := os.ReadFile("CONFORMANCE.md")
	require.NoError(t, err)
	rows := map[string]conformanceRow{}
	section := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = heading
		}
		cells := strings.Split(line, "|")
		if len(cells) < 3 || !regexp.MustCompile(`^ [A-Z]{2}-\d+ $`).MatchString(cells[1]) {
			continue
		}
		require.Len(t, cells, 9, "cells of %s", cells[1])
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		assert.NotContains(t, rows, cells[1], "two rows of one requirement")
		rows[cells[1]] = conformanceRow{section, cells[2], cells[3], cells[4], cells[5], cells[6], cells[7]}
	}
	return rows
}

// TestConformance holds CONFORMANCE.md against the guidance's requirements, the
// code, the tests and the corpus. If TEST_LOG names the output of go test -v, each
// test that the page names must have passed in it.
func TestConformance(t *testing.T) {
	t.Parallel()
	rows := conformanceRows(t)
	passed := testsOfLog(t)
	clauses := map[string]map[testdata.Verdict]int{}
	for _, c := range testdata.Cases() {
		if clauses[c.Clause] == nil {
			clauses[c.Clause] = map[testdata.Verdict]int{}
		}
		clauses[c.Clause][c.Verdict]++
	}
	for _, want := range requirements {
		row, ok := rows[want.id]
		if !assert.True(t, ok, "no row for %s", want.id) {
			continue
		}
		delete(rows, want.id)
		assert.Equal(t, want.section, row.section, want.id)
		assert.Equal(t, want.words, row.words, want.id)
		assert.NotEmpty(t, row.does, want.id)
		assert.NotEmpty(t, row.yours, "%s: what remains the user's own", want.id)
		for _, symbol := range quotedItems(row.functions) {
			folder, name := splitSymbol(symbol)
			assert.True(t, declared(t, folder, false)[name], "%s names %s", want.id, symbol)
		}
		for _, test := range quotedItems(row.tests) {
			folder, name, _ := strings.Cut(test, " ")
			assert.True(t, declared(t, folder, true)[name], "%s names the test %s", want.id, test)
			assert.True(t, passed == nil || passed[folder+" "+name], "%s: %s did not pass in this run", want.id, test)
		}
		for _, clause := range quotedItems(row.cases) {
			assert.NotZero(t, clauses[clause][testdata.Accept], "%s: the corpus has nothing to accept about %s", want.id, clause)
			assert.NotZero(t, clauses[clause][testdata.Refuse], "%s: the corpus has nothing to refuse about %s", want.id, clause)
		}
		if row.functions != "none" {
			assert.NotEmpty(t, quotedItems(row.functions), want.id)
			assert.NotEmpty(t, quotedItems(row.tests), want.id)
		}
	}
	assert.Empty(t, rows, "rows of no requirement")
}

// splitSymbol splits "tlsconfig/front.Front.Peer" after the folder.
func splitSymbol(symbol string) (folder, name string) {
	slash := strings.LastIndex(symbol, "/") + 1
	dot := strings.Index(symbol[slash:], ".")
	if dot < 0 {
		return symbol, ""
	}
	return symbol[:slash+dot], symbol[slash+dot+1:]
}

// declared returns what the Go files of a folder declare: functions, types,
// constants and variables by name, methods and fields as Type.Name.
func declared(t *testing.T, folder string, tests bool) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(folder), "*.go"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") == tests {
			maps.Copy(names, declaredIn(t, file))
		}
	}
	return names
}

// declaredIn returns what a file declares. Each file is parsed once in the process.
func declaredIn(t *testing.T, file string) map[string]bool {
	t.Helper()
	once, _ := declarations.LoadOrStore(file, sync.OnceValues(func() (map[string]bool, error) { return declarationsOf(file) }))
	names, err := once.(func() (map[string]bool, error))()
	require.NoError(t, err)
	return names
}

var declarations sync.Map // a file's name to func() (map[string]bool, error)

func declarationsOf(file string) (map[string]bool, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, declaration := range parsed.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			names[receiver(d)+d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				declaredBySpec(names, spec)
			}
		}
	}
	return names, nil
}

func declaredBySpec(names map[string]bool, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			names[name.Name] = true
		}
	case *ast.TypeSpec:
		names[s.Name.Name] = true
		if fields, ok := s.Type.(*ast.StructType); ok {
			for _, field := range fields.Fields.List {
				for _, name := range field.Names {
					names[s.Name.Name+"."+name.Name] = true
				}
			}
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return "?."
}

// A test that passed; what it printed last may have no line's end.
var passedTest = regexp.MustCompile(`--- PASS: (\w+) \(`)

// testsOfLog returns the tests that passed in the log that TEST_LOG names, as
// "folder TestName"; nil if it names none.
func testsOfLog(t *testing.T) map[string]bool {
	t.Helper()
	name := os.Getenv("TEST_LOG")
	if name == "" {
		return nil
	}
	log, err := os.Open(name)
	require.NoError(t, err)
	defer log.Close()
	passed := map[string]bool{}
	var since []string // of the package whose "ok" comes next
	for lines := bufio.NewScanner(log); lines.Scan(); {
		line := lines.Text()
		if test := passedTest.FindStringSubmatch(line); test != nil {
			since = append(since, test[1])
		}
		if fields := strings.Fields(line); len(fields) > 1 && (fields[0] == "ok" || fields[0] == "FAIL") {
			folder := strings.TrimPrefix(fields[1], "github.com/nrlsecurity/nrlsecurity/")
			for _, test := range since {
				passed[folder+" "+test] = fields[0] == "ok"
			}
			since = nil
		}
	}
	require.NotEmpty(t, passed, "%s has no test that passed", name)
	return passed
}
