/* SPDX-License-Identifier: MIT */
/* Whatever is accepted as an address is safe on the wire, and parsing it again changes nothing. */
#include <string.h>

#include "engine/base/address.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address a, again;
	if (address_parse(str_of((const char *)data, size), &a) != ADDRESS_OK)
		return 0;
	must(a.len == strlen(a.mailbox) && a.len == strlen(a.key));
	must(a.local_len <= ADDRESS_LOCAL_MAX);
	for (const char *c = a.mailbox; *c != '\0'; c++)
		must((unsigned char)*c >= 0x20 && *c != 0x7F && *c != '<' && *c != '>');
	must(str_find_char(address_domain(&a), ' ') < 0);
	must(address_parse(address_mailbox(&a), &again) == ADDRESS_OK);
	must(strcmp(a.mailbox, again.mailbox) == 0 && strcmp(a.key, again.key) == 0);
	must(address_parse(address_key(&a), &again) == ADDRESS_OK);
	must(strcmp(a.key, again.key) == 0);
	char shown[ADDRESS_DOMAIN_MAX + 1];
	address_display_domain(address_domain(&a), shown, sizeof(shown));
	return 0;
}
