// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package corpus_test

import "strings"

// A mutation takes one rule out of the library.
type mutation struct {
	rule    string // its word, and what it wants
	tests   string // the package whose tests run the cases
	out     []edit
	behind  string // the rule that it is second to; empty: it decides alone
	front   []edit // takes that one out
	chooses bool   // the rule chooses and does not refuse
}

// An edit changes a file of the module.
type edit struct{ file, old, new string }

// changed is one edit.
func changed(file, old, new string) []edit { return []edit{{file, old, new}} }

// never makes a condition one that is never true. It is an if, with or without a
// statement before the condition, or a case of a switch without a value, as its line
// has it.
func never(file, line string) []edit {
	if condition, ok := strings.CutPrefix(line, "case "); ok {
		return changed(file, line, "case false && ("+strings.TrimSuffix(condition, ":")+"):")
	}
	condition := strings.TrimSuffix(strings.TrimPrefix(line, "if "), " {")
	before := ""
	if i := strings.LastIndex(condition, "; "); i >= 0 {
		before, condition = condition[:i+2], condition[i+2:]
	}
	return changed(file, line, "if "+before+"false && ("+condition+") {")
}

// returns makes a function return at once.
func returns(file, signature, values string) []edit {
	return changed(file, signature, signature+"\n\tif true {\n\t\treturn "+values+"\n\t}")
}
