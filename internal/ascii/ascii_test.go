// SPDX-License-Identifier: Apache-2.0

package ascii_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

func TestClassesAreThoseOfRegularExpressions(t *testing.T) {
	t.Parallel()
	for class, is := range map[string]func(byte) bool{
		"[A-Za-z]":    ascii.Letter,
		"[0-9]":       ascii.Digit,
		"[A-Za-z0-9]": ascii.Alphanumeric,
		"[A-Fa-f0-9]": ascii.Hex,
	} {
		expression := regexp.MustCompile("^" + class + "$")
		for c := range 256 {
			want := c < 0x80 && expression.MatchString(string(rune(c)))
			assert.Equal(t, want, is(byte(c)), "%s, byte %#x", class, c)
		}
	}
}

func TestLowerChangesOnlyCapitals(t *testing.T) {
	t.Parallel()
	assert.Equal(t, byte('z'), ascii.Lower('Z'))
	for _, c := range []byte{'@', '[', 'a', '0', 0xC0} {
		assert.Equal(t, c, ascii.Lower(c))
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	assert.True(t, ascii.Digits("0123456789"))
	for _, s := range []string{"", "1 ", "-1", "１"} {
		assert.False(t, ascii.Digits(s), "%q", s)
	}
	assert.True(t, ascii.Printable("a ~"))
	for _, s := range []string{"a\n", "\x7f", "é", "\x00"} {
		assert.False(t, ascii.Printable(s), "%q", s)
	}
}

func TestHeadersDifferByMoreThanCaseAndUnderscore(t *testing.T) {
	t.Parallel()
	assert.True(t, ascii.EqualHeader("Ssp-From", "ssp_fROM"))
	for _, sign := range "!#$%&'*+-.^_`|~" {
		assert.True(t, ascii.EqualHeader("Ssp-From", "sSP"+string(sign)+"From"), "%c", sign)
	}
	for _, other := range []string{"Ssp-To", "Ssp-From ", "SspXFrom", "Ssp\rFrom", "Ssp From", "Ssp:From", "Ssp/From", "Ssp\x00From"} {
		assert.False(t, ascii.EqualHeader("Ssp-From", other), "%q", other)
	}
}

func TestCutKeepsWholeCharacters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc..."}, {"aéb", 2, "a..."}, {"", 0, ""}, {"é", 1, "..."},
		{"\x80\x80\x80", 2, "..."},
	} {
		assert.Equal(t, test.want, ascii.Cut(test.in, test.n), "%q to %d", test.in, test.n)
	}
}

func TestLineHasNoBreaks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a\,b="é"`: `a\,b="é"`, "a\nb": `"a\nb"`, "\x1b[2J": `"\x1b[2J"`, "a\u2028b": `"a\u2028b"`, "\xff": `"\xff"`,
		"12345678901": "1234567890...", "1234\r678901": `"1234\r67890..."`,
	} {
		assert.Equal(t, want, ascii.Line(text, 10), text)
	}
}
