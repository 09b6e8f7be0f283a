// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/internal/stage"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

func authorizerCases(build func(Setting) http.Handler) []kit.Case {
	var t *trial
	var good, unknown *testdata.Request
	var cases []kit.Case
	for _, c := range testdata.Cases() {
		if c.Request == nil || c.Request.Server != "nrl" || c.Request.Registry == "" {
			continue // in an outage a server may know the sender from before: see below
		}
		if t == nil {
			t = newTrial(c.Request.Self, build)
		}
		switch {
		case good == nil && c.Verdict == testdata.Accept:
			good = c.Request
		case c.Rule == string(asid.RuleASID):
			unknown = c.Request
		}
		cases = append(cases, kit.Case{Name: c.Name, Run: func() error { return t.judge(c.Request, c.Rule) }})
	}
	cases = append(cases, t.peerCases("nrl: ", good)...)
	cases = append(cases, t.droppedCases("nrl: ", good, "fromASID", "toASID")...)
	cases = append(cases, t.lenientCases("nrl: ", good, "fromASID", "toASID")...)
	return append(cases, kit.Case{Name: "nrl: a registry that is out of reach", Run: func() error {
		defer t.stage.Down()()
		// No cache has the answer.
		a, err := t.try(unknown, nil)
		if err != nil {
			return err
		}
		return a.Refused(stage.Row(outcome.Unavailable))
	}})
}
