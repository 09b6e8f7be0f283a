// SPDX-License-Identifier: Apache-2.0

package nginx_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/nginx"
)

func TestOnlyThePagesOfNginxRefuseACertificate(t *testing.T) {
	t.Parallel()
	const page = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n"
	for name, test := range map[string]struct {
		status      int
		contentType string
		body        string
		want        bool
	}{
		"no certificate":          {400, "text/html", page, true},
		"a bad one":               {400, "text/html; charset=utf-8", "<title>400 The SSL certificate error</title>", true},
		"another page":            {400, "text/html", "<title>400 Bad Request</title>", false},
		"JSON that quotes a page": {400, "application/json", `{"error":"400 The SSL certificate error"}`, false},
		"FHIR that quotes a page": {400, "application/fhir+json", page, false},
		"no format":               {400, "", page, false},
		"another status":          {200, "text/html", page, false},
	} {
		assert.Equal(t, test.want, nginx.RefusesCertificate(test.status, test.contentType, []byte(test.body)), name)
	}
}
