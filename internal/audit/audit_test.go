// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/audit"
)

func TestWhatAnAttackerSendsIsOneLineAndBounded(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	for _, bad := range []string{
		"a\nlevel=ERROR", "a\r\nb", "a\x00b", "\x1b[31m", "\u2028", "\u202e", "\xff\xfe", strings.Repeat("x", 1<<20), strings.Repeat("é\n", 1<<19),
	} {
		log.Reset()
		r := audit.NewRecord()
		r.Text("path", bad)
		assert.NoError(t, r.Write(t.Context(), slog.NewTextHandler(&log, nil), time.Now(), slog.LevelInfo, "m"))
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), "%.20q", bad)
		assert.Less(t, log.Len(), 2000)
		assert.NotContains(t, log.String(), "\x1b")
		assert.NotContains(t, audit.Clean(bad, 256), "\n")
	}
}

func TestACutTextFitsAndTellsThatItWasCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{strings.Repeat("x", 32), strings.Repeat("x", 32)},
		{strings.Repeat("x", 33), strings.Repeat("x", 19) + "...(33 bytes)"},
		{strings.Repeat("\n", 10), strings.Repeat("\ufffd", 10)},
		{strings.Repeat("\n", 11), strings.Repeat("\ufffd", 6) + "...(11 bytes)"},
		{strings.Repeat("é", 17), strings.Repeat("é", 9) + "...(34 bytes)"},
		{"x" + strings.Repeat("é", 16), "x" + strings.Repeat("é", 9) + "...(33 bytes)"},
		{strings.Repeat("\x80", 100), strings.Repeat("\ufffd", 6) + "...(100 bytes)"},
		{"a\x80b\xff", "a\ufffdb\ufffd"},
		{"", ""},
	} {
		got := audit.Clean(c.in, 32)
		assert.Equal(t, c.want, got)
		assert.LessOrEqual(t, len(got), 32)
		assert.True(t, utf8.ValidString(got))
	}
	assert.NotEqual(t, audit.Clean(strings.Repeat("x", 300), 256), audit.Clean(strings.Repeat("x", 301), 256))
}

type failing struct{ slog.Handler }

var errFull = errors.New("the disk is full")

func (failing) Handle(context.Context, slog.Record) error { return errFull }

func TestAHandlersErrorIsNotDropped(t *testing.T) {
	t.Parallel()
	err := audit.NewRecord().Write(t.Context(), failing{slog.NewTextHandler(new(bytes.Buffer), nil)}, time.Now(), slog.LevelInfo, "m")
	assert.ErrorIs(t, err, errFull)
}

func TestNHSNumbersAreMaskedWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/a/9434765919":              "/a/**********",
		"/9434765919/b/9876543210":   "/**********/b/**********",
		"9434765919":                 "**********",
		"/a/9434765918":              "/a/9434765918", // no NHS number
		"/a/94347659190":             "/a/94347659190",
		"/a/x-94347659199434765919":  "/a/x-94347659199434765919",
		"/a/943476591":               "/a/943476591",
		"":                           "",
		"%209434765919":              "%20**********",
		"|9434765919%20":             "|**********%20",
		"1-9434765919-9434765919-10": "1-**********-**********-10",
		"/%39%34%33%34765919":        "/**********", // digits may be encoded
		"/9%34347659%319/x":          "/**********/x",
		"/%2539434765919":            "/**********", // twice
		"/%252539434765919":          "/**********", // three times
		"%9434765919":                "%**********", // of a text that is no URL
		"%259434765919":              "%25**********",
		"%20%2039434765919":          "%20%2039434765919", // eleven digits
		"%2039434765919%":            "%2039434765919%",
		"/9434765919%39":             "/**********%39", // as it stands it is one
		"%3a9434765919%3A":           "%3a**********%3A",
		"943 476 5919":               "**********", // as people write it
		"/a/943%20476%205919?x":      "/a/**********?x",
		"943-476+5919-9434765919":    "**********-**********",
		"123-9434765919":             "123-**********",
		"123-943-476-5919-1":         "123-**********-1",
		"943.476.5919":               "**********",
		"/a/943_476_5919.pdf":        "/a/**********.pdf",
		"943\u00a0476\u00a05919":     "**********",
		"943%C2%A0476%25C2%25A05919": "**********",
		"943%C2%A0476%c2%A05919":     "**********",
		"943%25C2%25A0476%20325919":  "943%25C2%25A0476%20325919",
		"943\xc2476\xc25919":         "943\xc2476\xc25919",
		"943\xc2":                    "943\xc2",
		"943/476/5919":               "943/476/5919",
		"943-476-5918":               "943-476-5918",
		"943-476-59190":              "943-476-59190",
		"1943-476-5919":              "1943-476-5919",
		"943--476-5919, 9434-765919": "943--476-5919, 9434-765919",
		"000-943-476-591":            "000-943-476-591",
		"%":                          "%",
		"%25%2":                      "%25%2",
		"943476591%":                 "943476591%",
	} {
		assert.Equal(t, want, audit.MaskNHSNumbers(text), text)
	}
}

// It is not parallel: what other tests allocate would count.
func TestManyNHSNumbersAreMaskedInOnePass(t *testing.T) {
	const numbers = 1000
	path := strings.Repeat("/9434765919/%39434765919", numbers/2)
	assert.Less(t, testing.AllocsPerRun(1, func() {
		assert.Equal(t, strings.Repeat("/**********", numbers), audit.MaskNHSNumbers(path))
	}), 100.0)
}

func TestTheRecordsOfOneRequestAreJoined(t *testing.T) {
	t.Parallel()
	ctx, r := audit.NewContext(t.Context())
	assert.Len(t, r.ID(), 36)
	assert.Equal(t, r, audit.FromContext(ctx))
	audit.FromContext(ctx).Refuse("owner", "a text")
	r.Refuse("another", "another text")
	rule, text := r.Refusal()
	assert.Equal(t, "owner", rule)
	assert.Equal(t, "a text", text)

	none := audit.FromContext(t.Context())
	none.Refuse("owner", "a text")
	rule, text = none.Refusal()
	assert.Empty(t, rule+text)
	assert.Empty(t, none.ID())
}
