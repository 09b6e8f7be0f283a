// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// times are the claims of a token that are times, written as whole seconds or with a
// fraction.
var times = regexp.MustCompile(`"(iat|exp|nbf)":(\d{10})`)

// moved moves the times of a token by as much as it is later now than the case is.
// Everything else of it stays, octet by octet, and what is no token does.
func (a *address) moved(authorization string, at time.Time) string {
	later := int64(a.now().Sub(at) / time.Second)
	return inPayload(authorization, func(text string) string {
		return times.ReplaceAllStringFunc(text, func(claim string) string {
			name, value, _ := strings.Cut(claim, ":")
			seconds, _ := strconv.ParseInt(value, 10, 64)
			return name + ":" + strconv.FormatInt(seconds+later, 10)
		})
	})
}

// replaced replaces texts in a header, within its token if it has one.
func replaced(value string, pairs ...string) string {
	replace := strings.NewReplacer(pairs...).Replace
	return inPayload(replace(value), replace)
}

// inPayload changes the text of a token's payload.
func inPayload(authorization string, change func(string) string) string {
	first, rest, _ := strings.Cut(authorization, ".")
	payload, last, ok := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || len(text) == 0 {
		return authorization
	}
	changed := first + "." + base64.RawURLEncoding.EncodeToString([]byte(change(string(text))))
	if ok {
		changed += "." + last
	}
	return changed
}
