// SPDX-License-Identifier: Apache-2.0

package spine_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

func TestOneNHSNumberForEachNineDigitsAtMost(t *testing.T) {
	t.Parallel()
	for number, good := range map[string]bool{
		"9434765919":  true,
		"9000000009":  true,
		"9449305552":  true,
		"9434765918":  false, // another check digit
		"4447765919":  false,
		"9434756919":  false, // two digits changed places
		"943476591":   false,
		"94347659190": false,
		"943476591９":  false,
		"943 476 59":  false,
		"":            false,
		// 9*10 + ... of these amounts to a check digit of 10, which there is not.
		"1000000010": false,
		"1000000001": true,
	} {
		assert.Equal(t, good, spine.IsNHSNumber(number), "%q", number)
	}
}

func TestUUIDs(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	for range 100 {
		id := spine.NewUUID()
		assert.Regexp(t, form, id)
		assert.True(t, spine.IsUUID(id))
		assert.False(t, seen[id])
		seen[id] = true
	}
	assert.True(t, spine.IsUUID("09A01679-2564-0FB4-5129-AECC81EA2706"))
	for _, bad := range []string{
		"", "09A01679-2564-0FB4-5129-AECC81EA270", "09A01679-2564-0FB4-5129-AECC81EA27066",
		"09A01679x2564-0FB4-5129-AECC81EA2706", "09A01679-2564-0FB4-5129-AECC81EA270G",
		"{9A01679-2564-0FB4-5129-AECC81EA2706", "09A016792-564-0FB4-5129-AECC81EA2706",
	} {
		assert.False(t, spine.IsUUID(bad), "%q", bad)
	}
}
