// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// claims changes those of a token whose payload can be read; encoding/json takes the
// last of a claim that is there twice.
func claims(change func(map[string]any)) func(*http.Request) {
	return func(r *http.Request) {
		values := r.Header.Values("Authorization")
		if len(values) != 1 {
			return
		}
		parts := strings.Split(values[0], ".")
		if len(parts) != 3 {
			return
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		var c map[string]any
		if err != nil || json.Unmarshal(payload, &c) != nil {
			return
		}
		change(c)
		if payload, err = json.Marshal(c); err == nil {
			parts[1] = base64.RawURLEncoding.EncodeToString(payload)
			r.Header.Set("Authorization", strings.Join(parts, "."))
		}
	}
}

// tokenFaults take out what is asked of one claim, or of the form of tokens. good is
// the payload of a token that passes, of a read.
func tokenFaults(good map[string]any) map[string]func(*http.Request) {
	seconds := func(c map[string]any, name string) float64 { v, _ := c[name].(float64); return v }
	faults := map[string]func(*http.Request){
		"tokens that have expired": claims(func(c map[string]any) {
			if exp := seconds(c, "exp"); exp > 0 && exp < seconds(good, "iat") {
				c["iat"], c["exp"] = good["iat"], good["exp"]
			}
		}),
		"tokens of tomorrow": claims(func(c map[string]any) {
			if seconds(c, "iat") > seconds(good, "iat") {
				c["iat"], c["exp"] = good["iat"], good["exp"]
			}
		}),
		"tokens of any lifetime": claims(func(c map[string]any) {
			if seconds(c, "exp") > seconds(c, "iat")+300 {
				c["exp"] = seconds(c, "iat") + 300
			}
		}),
		"nbf is not looked at":                   claims(func(c map[string]any) { delete(c, "nbf") }),
		"times as text":                          claims(func(c map[string]any) { number(c, "exp"); number(c, "iat") }),
		"the user is not compared with sub":      claims(func(c map[string]any) { c["sub"] = c["requesting_user"] }),
		"the last of a claim that is twice":      claims(func(map[string]any) {}),
		"the first audience":                     claims(func(c map[string]any) { first, _ := c["aud"].([]any); c["aud"] = append(first, c["aud"])[0] }),
		"the scope by whatever name":             claims(func(c map[string]any) { rename(c, "requested_scope", "scope") }),
		"the organisation, older spelling alone": claims(func(c map[string]any) { rename(c, "requesting_organisation", "requesting_organization") }),
		"claims without case": claims(func(c map[string]any) {
			for name := range c {
				if strings.ToLower(name) != name {
					delete(c, name)
				}
			}
		}),
		"padded tokens": edit(func(v string) string { return strings.ReplaceAll(v, "=", "") }),
		"tokens of base64's other alphabet": edit(func(v string) string {
			scheme, token, _ := strings.Cut(v, " ")
			return scheme + " " + strings.NewReplacer("+", "-", "/", "_").Replace(token)
		}),
		"the last of several schemes": edit(func(v string) string {
			if i := strings.LastIndex(v, "Bearer "); i >= 0 {
				return v[i:]
			}
			return v
		}),
		"a token without a scheme": edit(func(v string) string {
			if !strings.Contains(v, " ") && v != "" {
				return "Bearer " + v
			}
			return v
		}),
		"tokens of any algorithm": edit(func(v string) string {
			scheme, token, ok := strings.Cut(v, " ")
			if _, rest, three := strings.Cut(token, "."); ok && three {
				return scheme + " " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + rest
			}
			return v
		}),
	}
	for name, value := range good {
		if name == "iat" || name == "exp" {
			continue
		}
		faults["any "+name] = claims(func(c map[string]any) {
			if _, ok := c[name]; ok {
				c[name] = value
			}
		})
		if name == "requesting_user" {
			continue // a citizen's token has none
		}
		faults[name+" is optional"] = claims(func(c map[string]any) {
			if _, ok := c[name]; !ok {
				c[name] = value
			}
		})
	}
	return faults
}

func edit(change func(string) string) func(*http.Request) {
	return func(r *http.Request) {
		if v := r.Header.Values("Authorization"); len(v) == 1 {
			r.Header["Authorization"] = []string{change(v[0])}
		}
	}
}

func number(c map[string]any, name string) {
	if text, ok := c[name].(string); ok {
		c[name], _ = strconv.ParseFloat(text, 64)
	}
}

func rename(c map[string]any, from, to string) {
	if v, ok := c[from]; ok {
		c[to] = v
		delete(c, from)
	}
}

// idFaults read an ASID as other languages' libraries do.
func idFaults(names ...string) map[string]func(*http.Request) {
	read := func(change func(string) string) func(*http.Request) {
		return func(r *http.Request) {
			for _, name := range names {
				if values := r.Header.Values(name); len(values) == 1 {
					r.Header.Set(name, change(values[0]))
				}
			}
		}
	}
	return map[string]func(*http.Request){
		"ASIDs as numbers": read(func(v string) string {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				return fmt.Sprintf("%012d", n)
			}
			return v
		}),
		"digits of every alphabet": read(func(v string) string {
			return strings.Map(func(r rune) rune {
				if '０' <= r && r <= '９' {
					return r - '０' + '0'
				}
				return r
			}, v)
		}),
		"ASIDs without their blanks": read(func(v string) string { return strings.ReplaceAll(v, " ", "") }),
		"the first of a list":        read(func(v string) string { v, _, _ = strings.Cut(v, ","); return v }),
		"the first twelve digits":    read(func(v string) string { return v[:min(len(v), 12)] }),
	}
}

// anyone is a system that may do everything.
func anyone(id asid.ID, s asidtest.Setting) *asid.System {
	known, err := s.Registry.Lookup(context.Background(), asid.MustParseID("928942012545"))
	if err != nil {
		panic(err)
	}
	system := *known
	system.ASID = id
	return &system
}

// What is written by hand about tokens, ASIDs and registries.
func TestEachWrongReadingIsCaught(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("tests a wrong reading for each mistake")
	}
	nrl, ssp := goodHeaders(t)
	good := map[string]any{}
	_, payload, _ := strings.Cut(nrl.Get("Authorization"), ".")
	payload, _, _ = strings.Cut(payload, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &good))
	require.Contains(t, ssp, "Ssp-From")

	authorized := func(change func(*http.Request)) func(asidtest.Setting) http.Handler {
		return func(s asidtest.Setting) http.Handler {
			return before(authorizer(s).Middleware(asidtest.Mark(records)), change)
		}
	}
	for name, change := range tokenFaults(good) {
		assert.Error(t, asidtest.TestAuthorizer(authorized(change)), name)
	}
	for name, change := range idFaults("fromASID", "toASID") {
		assert.Error(t, asidtest.TestAuthorizer(authorized(change)), name)
	}
	for name, change := range idFaults("Ssp-From", "Ssp-To") {
		assert.Error(t, asidtest.TestGate(func(s asidtest.Setting) http.Handler {
			return before(gate(s).Middleware(asidtest.Mark(records)), change)
		}), name)
	}
	for name, so := range map[string]func(error) bool{
		"an ASID that is unknown is allowed": func(err error) bool { return errors.Is(err, asid.ErrNotFound) },
		"an outage allows":                   func(err error) bool { return !errors.Is(err, asid.ErrNotFound) },
	} {
		assert.Error(t, asidtest.TestAuthorizer(func(s asidtest.Setting) http.Handler {
			a := authorizer(s)
			a.Registry = registry(func(id asid.ID, inner func() (*asid.System, error)) (*asid.System, error) {
				known, err := inner()
				if err != nil && so(err) {
					return anyone(id, s), nil
				}
				return known, err
			}).over(s.Registry)
			return a.Middleware(asidtest.Mark(records))
		}), name)
	}
}
