// SPDX-License-Identifier: Apache-2.0

package der

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestURIsCompared(t *testing.T) {
	t.Parallel()
	const u = "http://crl.nhs.uk/int/1c/crlc7.crl"
	for _, test := range []struct {
		name, a, b string
		equal      bool
	}{
		{"the same", u, u, true},
		{"the scheme in capitals", u, "HTTP://crl.nhs.uk/int/1c/crlc7.crl", true},
		{"the host in capitals", u, "http://CRL.NHS.UK/int/1c/crlc7.crl", true},
		{"the default port", u, "http://crl.nhs.uk:80/int/1c/crlc7.crl", true},
		{"an empty port", u, "http://crl.nhs.uk:/int/1c/crlc7.crl", true},
		{"percent-encoded letters", u, "http://crl.nhs.uk/%69nt/1%63/crlc7%2Ecrl", true},
		{"percent-encoding in small letters", "http://a/%2f", "http://a/%2F", true},
		{"dot segments", u, "http://crl.nhs.uk/./int/x/../1c/crlc7.crl", true},
		{"encoded dot segments", u, "http://crl.nhs.uk/%2e/int/x/%2E%2e/1c/crlc7.crl", true},
		{"more dots than segments", "http://a/../../b", "http://a/b", true},
		{"no path", "http://a", "http://a/", true},
		{"the default port of https", "https://a/b", "https://a:443/b", true},
		{"the default port of ldap", "ldap://a/b", "ldap://a:389/b", true},
		{"https", u, "https://crl.nhs.uk/int/1c/crlc7.crl", false},
		{"another port", u, "http://crl.nhs.uk:8080/int/1c/crlc7.crl", false},
		{"the port of https", u, "http://crl.nhs.uk:443/int/1c/crlc7.crl", false},
		{"the path in capitals", u, "http://crl.nhs.uk/INT/1c/crlc7.crl", false},
		{"a slash that is encoded", "http://a/b/c", "http://a/b%2Fc", false},
		{"a slash behind", "http://a/b", "http://a/b/", false},
		{"two slashes", "http://a/b/c", "http://a/b//c", false},
		{"a query", "http://a/b", "http://a/b?", false},
		{"dots in a query", "http://a/b?x=/../y", "http://a/b?y", false},
		{"another host", u, "http://crl.nhs.uk.evil.example/int/1c/crlc7.crl", false},
		{"user information in capitals", "http://u@a/", "http://U@a/", false},
		{"no scheme, in capitals", "crl.nhs.uk/a", "CRL.nhs.uk/a", false},
		{"an encoding that is cut short, in capitals of the host", "http://a/%2", "http://A/%2", false},
		{"an encoding that is none, in capitals of the host", "http://a/%zz", "http://A/%zz", false},
	} {
		assert.Equal(t, test.equal, URI(test.a).Equal(URI(test.b)), "%s: %s and %s", test.name, NormalURI(test.a), NormalURI(test.b))
	}
}

// The form of the form is the form itself, and names of two kinds are never equal.
func FuzzNormalURI(f *testing.F) {
	for _, seed := range []string{"http://A/%41/../b", "a:b", "ldap://x:389/cn=a?b?c", "http://a/..", "http:", "%", ":"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		normal := NormalURI(uri)
		if again := NormalURI(normal); again != normal {
			t.Errorf("%q becomes %q and that %q", uri, normal, again)
		}
		if DirectoryName(normal).Equal(URI(uri)) {
			t.Error("a URI is a directory name")
		}
	})
}
