// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package corpus_test

import "slices"

const (
	handlerGo = "tlsconfig/front/handler.go"
	formsGo   = "tlsconfig/front/forms.go"
	trustGo   = "tlsconfig/front/trust.go"
)

func fronted(rule string, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "tlsconfig/front", out: slices.Concat(out...)}
}

// The rules that others are second to.
var (
	otherVersion = never(handlerGo, `if a.protocol != "TLSv1.2" {`)
	textBefore   = never(formsGo, "if !strings.HasPrefix(string(text), begin) {")
	beginTwice   = changed(formsGo, " || strings.Count(string(text[:len(text)-len(rest)]), begin) != 1", "")
)

// frontMutations are those of what a proxy says of its client.
var frontMutations = []mutation{
	fronted("version: of a connection to a proxy", otherVersion),
	fronted("suite: of a connection to a proxy", never(handlerGo, "if suite, err := tlsconfig.ParseSuite(a.cipher); err != nil || f.Suites != nil && !slices.Contains(f.Suites, suite) {")),
	fronted("proxy: the secret once", never(trustGo, "if len(values) != 1 {")),
	fronted("proxy: the secret that is known", never(trustGo, "if len(f.Secret) < minSecret || subtle.ConstantTimeCompare(got[:], f.secret[:]) != 1 {")),
	fronted("front-header: it is there", changed(formsGo, `			return &Error{Rule: RuleHeader, Header: h.name, Detail: "is missing"}`, `			values = []string{"TLSv1.2"}`)),
	fronted("front-header: it is there once", never(formsGo, "case len(values) > 1:")),
	{rule: "front-header: it is not empty", tests: "tlsconfig/front", behind: "version: of a connection to a proxy", front: otherVersion, out: never(formsGo, `case values[0] == "":`)},
	fronted("front-header: percent signs that encode octets", changed(formsGo, "	return []byte(text), err\n", "	if err != nil {\n\t\ttext, err = url.PathUnescape(strings.ReplaceAll(value, \"%zz\", \"\"))\n\t}\n	return []byte(text), err\n")),
	fronted("front-header: no text before the PEM", textBefore),
	fronted("front-header: no text behind the PEM", changed(formsGo, `		err = errors.New("there is something behind the PEM block")`, "\t\terr = nil")),
	{rule: "front-header: PEM of a certificate", tests: "tlsconfig/front", behind: "front-header: no text before the PEM, and its first line once", front: slices.Concat(textBefore, beginTwice),
		out: changed(formsGo, ` || b.Type != "CERTIFICATE"`, "")},
	fronted("front-header: no headers in the PEM", changed(formsGo, " || len(b.Headers) > 0", "")),
	fronted("front-header: the first line of the PEM once", beginTwice),
	fronted("front-header: nothing but PEM behind the leaf", changed(formsGo, "if rest = bytes.TrimSpace(rest); len(rest) == 0 {", "if rest = bytes.TrimSpace(rest); true {")),
	fronted("front-header: a Byte Sequence", never(formsGo, "if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {"), changed(formsGo, "fromBase64(value[1 : len(value)-1])", `fromBase64(strings.Trim(value, ":"))`)),
	fronted("front-header: keys with values", changed(formsGo, `			return nil, errors.New("has a part without a value")`, "\t\t\tbreak")),
	fronted("front-header: quotes that end", changed(formsGo, "quoted(rest[1:]); !closed", "quoted(rest[1:] + `\"`); !closed")),
	fronted("front-header: one Cert", never(formsGo, "if there {")),
	fronted("front-header: one proxy", changed(formsGo, `			return nil, errors.New("has elements of several proxies")`, "\t\t\trest = rest[1:]")),
}
