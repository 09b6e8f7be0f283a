// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/audit"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

var (
	digits  = regexp.MustCompile(`[0-9]+`)
	grouped = regexp.MustCompile(`[0-9]+[ +._-][0-9]+[ +._-][0-9]+`)
	gaps    = strings.NewReplacer(" ", "", "+", "", "-", "", ".", "", "_", "")
	blanks  = strings.NewReplacer("\u00A0", " ")
)

// FuzzMaskNHSNumbers looks for NHS numbers in what is left, by the standard library's
// reading of an encoded URL.
func FuzzMaskNHSNumbers(f *testing.F) {
	for _, text := range []string{
		"/a/9434765919", "/%39%34%33%34765919", "/%2539434765919%25", "%41%39434765919%41", "9434765919%39", "%259434765919/9434765919", "1-9434765919%2d",
		"%2539%2539434765919", "/%32%35394347659194", "943 476 5919", "943%20476%205919", "1-943-%3476-5919", "943%2b476%252B59%319",
		"943.476_5919", "943%C2%A0476\u00a05919", "%25%339434765919", "%2%35%339434765919",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		masked := audit.MaskNHSNumbers(text)
		assert.Equal(t, masked, audit.MaskNHSNumbers(masked))
		decoded := masked
		for range 4 { // as it stands, and three times decoded
			for _, number := range digits.FindAllString(decoded, -1) {
				assert.False(t, spine.IsNHSNumber(number), "%q of %q", decoded, text)
			}
			for _, groups := range grouped.FindAllString(blanks.Replace(decoded), -1) {
				if len(groups) == 12 && strings.IndexAny(groups, " +._-") == 3 && strings.LastIndexAny(groups, " +._-") == 7 {
					assert.False(t, spine.IsNHSNumber(gaps.Replace(groups)), "%q of %q", decoded, text)
				}
			}
			var err error
			if decoded, err = url.PathUnescape(decoded); err != nil {
				return // other readings than the standard library's are for the table
			}
		}
	})
}
