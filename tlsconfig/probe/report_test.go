// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

func report(severities ...probe.Severity) *probe.Report {
	r := &probe.Report{Address: "provider.nhs.uk:443", Role: "server", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, severity := range severities {
		r.Findings = append(r.Findings, probe.Finding{Clause: "Ciphers", Subject: severity.String() + " subject", Severity: severity, Found: "found", Remedy: "remedy"})
	}
	return r
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		severities []probe.Severity
		want       probe.Severity
	}{
		{nil, probe.Undecided},
		{[]probe.Severity{probe.Conformant, probe.NotAsked, probe.Advice}, probe.Conformant},
		{[]probe.Severity{probe.Conformant, probe.Undecided}, probe.Undecided},
		{[]probe.Severity{probe.Undecided, probe.Departure, probe.Conformant}, probe.Departure},
	} {
		assert.Equal(t, test.want, report(test.severities...).Verdict(), "%v", test.severities)
	}
}

func TestSeverityText(t *testing.T) {
	t.Parallel()
	for _, severity := range []probe.Severity{probe.Conformant, probe.NotAsked, probe.Undecided, probe.Advice, probe.Departure} {
		text, err := severity.MarshalText()
		require.NoError(t, err)
		var back probe.Severity
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, severity, back)
	}
	assert.Error(t, new(probe.Severity).UnmarshalText([]byte("")), "the zero value has no name")
	assert.Equal(t, "severity(0)", probe.Severity(0).String())
}

// What a peer chose to say, such as a name in its certificate, moves nothing on a
// terminal and adds nothing to a page.
func TestAPeersTextIsOnlyText(t *testing.T) {
	t.Parallel()
	r := report(probe.Departure)
	r.Findings[0].Found = "CN=\x1b[2J<script>alert(1)</script>\u202e\r\nok conformant"
	var text, html bytes.Buffer
	require.NoError(t, r.WriteText(&text, 80))
	assert.NotContains(t, text.String(), "\x1b")
	assert.NotContains(t, text.String(), "\u202e")
	assert.NotContains(t, text.String(), "\r")
	require.NoError(t, r.WriteHTML(&html))
	assert.NotContains(t, html.String(), "<script")
	assert.NotContains(t, html.String(), "\x1b")
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"verdict":"departure"`)
}

func TestTextFitsItsWidth(t *testing.T) {
	t.Parallel()
	r := report(probe.Conformant, probe.Departure)
	r.Findings[1].Found = strings.Repeat("a long word and ", 20) + strings.Repeat("x", 200)
	r.Findings[1].Subject = strings.Repeat("subject ", 20)
	for _, width := range []int{0, 40, 57, 80, 200} {
		var out bytes.Buffer
		require.NoError(t, r.WriteText(&out, width))
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "ok conformant") || strings.HasPrefix(line, "server ") {
				continue // the key and the title stand on lines of their own
			}
			assert.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), max(width, 40), "width %d: %q", width, line)
		}
	}
}
