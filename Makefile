# margin: build, install, test.  "make help" lists the targets.

EXTENSION  = margin
MODULE_big = margin

here := $(dir $(lastword $(MAKEFILE_LIST)))
OBJS = $(sort $(patsubst $(here)%.c,%.o,$(wildcard $(here)src/*.c $(here)src/*/*.c)))

# The install script is these parts, in this order; src/assemble says how.
SQL_PARTS = $(addprefix src/,$(addsuffix .sql, margin \
	value/schedule value/portfolio value/market value/comparison value/json value/valuation value/level_names \
	question/explain question/trade question/solve question/plans question/stress question/safe_move question/liquidation_map question/scenario_totals question/book_totals \
	book/schemas book/venues book/books book/upgrade book/market book/publish book/prices book/tiers book/published book/locks book/levels book/guard book/watch book/market_source book/elsewhere book/distributed book/repay book/accruals \
	$(addprefix answers/,reading import account reconcile binance bybit okx bitget gate kucoin mexc) \
	report/progress report/liquidation_map report/page_html report/page_style report/snapshots report/cluster_snapshots report/page_figures report/page_sections report/page report/runs \
	cluster/shards cluster/cluster cluster/grow))
# What create_venue() and create_book() run.
FACTS_PARTS = src/book/book/facts.sql
VENUE_PARTS = $(addprefix src/book/venue/,$(addsuffix .sql, terms changes prices price_checks thresholds rules scenarios repayment_rules interest market published_market))
# What create_book() runs for a book over a published market.
SOURCE_PARTS = src/book/source/market.sql
# What is another in a book over distributed tables.
DISTRIBUTED_PARTS = src/book/distributed/book.sql
BOOK_PARTS = $(addprefix src/book/book/,$(addsuffix .sql, accounts rules margin levels kept explain stress guard repay accruals)) \
	$(addprefix src/report/book/,$(addsuffix .sql, snapshots reports))
# What create_shard() and create_cluster() run besides.
INCOMING_PARTS = src/cluster/incoming/market.sql
SHARD_PARTS = src/cluster/shard/surface.sql
CLUSTER_PARTS = $(addprefix src/cluster/book/,$(addsuffix .sql, shards valuation reports))
release := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(here)margin.control)
install_script = margin--$(release).sql
# Each release that is kept can be updated to this one (src/update).
earlier := $(filter-out $(release),$(shell ls $(here)test/release | grep '^[0-9]' | sort -V))
DATA_built = $(install_script) $(patsubst %,margin--%--$(release).sql,$(earlier))

REGRESS = $(sort $(basename $(notdir $(wildcard $(here)sql/*.sql))))
REGRESS_OPTS = --load-extension=margin

# -Wno-unused-parameter: inline functions in the server's headers have some.
# A compiler of tomorrow may warn of what nobody has seen yet: that stops check,
# demo, bench and lint, which pass WERROR=-Werror, but nobody's installation.
WERROR ?=
# -fvisibility=hidden: on PostgreSQL 15 a module's names are otherwise seen by
# every other module in the session.
PG_CFLAGS = -O2 -Wall -Wextra $(WERROR) -Wno-unused-parameter -fvisibility=hidden
PG_CPPFLAGS = -I$(here)src
# FORCE_NUMERIC=1: every decimal takes the slow, arbitrary-precision path.
ifneq (,$(FORCE_NUMERIC))
PG_CPPFLAGS += -DDECIMAL_FORCE_NUMERIC
endif
# ASSERT=1: our assertions on, whatever the server was built with.
ifneq (,$(ASSERT))
PG_CPPFLAGS += -DMARGIN_ASSERT
endif
# SANITIZE=undefined, or address: the sanitizer's report ends the process (its
# library: test/server).  The server's -fwrapv would hide overflows of signed
# numbers.  fuzzer, for test/fuzz/run: counters that libFuzzer reads; what is
# undefined traps, as no library of a sanitizer is there.
ifneq (,$(SANITIZE))
PG_CFLAGS += -g -fno-omit-frame-pointer -fno-wrapv -fno-sanitize-recover=all $(if $(filter fuzzer,$(SANITIZE)),\
	-fsanitize=fuzzer-no-link$(,)undefined -fsanitize-trap=undefined,-fsanitize=$(SANITIZE))
SHLIB_LINK += $(if $(filter-out fuzzer,$(SANITIZE)),-fsanitize=$(SANITIZE))
, := ,
endif

# PG_CONFIG if given, else the first pg_config that has server headers; empty
# when there is none yet.
found := $(shell PG_CONFIG='$(PG_CONFIG)' $(here)test/packages find)

# What runs scripts, which call make again for what they need built, is kept
# apart from PGXS: that has a "check" of its own, and the server's headers may
# have to be installed first.
own = help packages check matrix fuzz crash races soak tidy demo demo-stop report bench lint dist deb deb-check
# What asks nothing of apt: whoever installs a server's files has chosen it.
unasked = install uninstall installdirs installcheck

ifneq (,$(filter $(own),$(MAKECMDGOALS))$(if $(found),,missing))

.PHONY: $(own) packages-build
.NOTPARALLEL:
.DEFAULT_GOAL = all

$(own):
	@MAKE='$(MAKE)' PG_CONFIG='$(or $(found),$(PG_CONFIG))' CHECK='$(CHECK)' FORCE_NUMERIC='$(FORCE_NUMERIC)' \
		ASSERT='$(ASSERT)' SANITIZE='$(SANITIZE)' SECONDS_EACH='$(SECONDS)' ENTRANCES='$(ENTRANCES)' \
		MAJOR='$(MAJOR)' MATRIX='$(MATRIX)' COMPILERS='$(COMPILERS)' \
		ROUNDS='$(ROUNDS)' TRANSACTIONS='$(TRANSACTIONS)' MINUTES='$(MINUTES)' \
		ACCOUNTS='$(ACCOUNTS)' REPORT='$(REPORT)' $(here)test/make $@

# PGXS's targets, once there is a PGXS.
rest = $(filter-out $(own) $(if $(found),,clean),$(or $(MAKECMDGOALS),all))
.PHONY: $(rest)
$(rest): packages-build
	@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) $@
packages-build:
	@PG_CONFIG='$(or $(found),$(PG_CONFIG))' $(here)test/packages $(if $(filter $(unasked),$(MAKECMDGOALS)),tell,build)

ifeq (,$(found))
clean:
	rm -f $(OBJS) $(OBJS:.o=.bc) src/.built-with $(MODULE_big).so $(DATA_built)
endif

else

PG_CONFIG := $(found)
EXTRA_CLEAN = src/.built-with $(EXTENSION)-*.zip postgresql-*-$(EXTENSION)_*.deb
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Debian's PGXS tracks no dependencies: any header rebuilds every object, and
# so do another server or other flags, but neither -Werror nor another way to
# name a directory, which make no other objects.
absolute = $(foreach flag,$(1),$(if $(filter -I%,$(flag)),-I$(abspath $(flag:-I%=%)),$(flag)))
built-with = $(VERSION) $(CC) $(call absolute,$(CPPFLAGS)) $(filter-out -Werror,$(CFLAGS))
$(OBJS) $(OBJS:.o=.bc): $(wildcard $(srcdir)/src/*/*.h) src/.built-with
src/.built-with: FORCE
	@mkdir -p $(sort $(dir $(OBJS)))
	@echo '$(built-with)' | cmp -s - $@ || echo '$(built-with)' > $@
.PHONY: FORCE

# What this build would not install: scripts of another release, bitcode where
# this one makes none.
uninstall: uninstall-others
uninstall-others:
	rm -rf '$(DESTDIR)$(pkglibdir)/bitcode/$(MODULE_big)' '$(DESTDIR)$(pkglibdir)/bitcode/$(MODULE_big).index.bc'
	rm -f '$(DESTDIR)$(datadir)/extension/$(EXTENSION)'--*.sql
.PHONY: uninstall-others

# src/.built-with: or make takes the one in the tree when building elsewhere.
installed = $(here)test/release/$(1)/install.sql
$(install_script): src/.built-with $(addprefix $(here),$(SQL_PARTS) $(VENUE_PARTS) $(FACTS_PARTS) $(SOURCE_PARTS) $(DISTRIBUTED_PARTS) $(BOOK_PARTS) $(INCOMING_PARTS) $(SHARD_PARTS) $(CLUSTER_PARTS) src/assemble src/update) $(foreach of,$(earlier),$(call installed,$(of)))
	@$(here)src/assemble '$(here)' '$(SQL_PARTS)' venue '$(VENUE_PARTS)' facts '$(FACTS_PARTS)' source '$(SOURCE_PARTS)' distributed '$(DISTRIBUTED_PARTS)' book '$(BOOK_PARTS)' \
		incoming '$(INCOMING_PARTS)' shard '$(SHARD_PARTS)' cluster '$(CLUSTER_PARTS)' > $@.tmp
	@$(here)src/update former $@.tmp $(foreach of,$(earlier),$(call installed,$(of))) > $@.former.tmp
	@cat $@.former.tmp >> $@.tmp && rm $@.former.tmp && mv $@.tmp $@

# By hand, all that has changed since that release and those after it.
by_hand = $(foreach of,$(shell printf '%s\n' $(earlier) | sed -n '/^$(1)$$/,$$p'),$(here)src/since-$(of).sql)
margin--%--$(release).sql: $(install_script) $(wildcard $(here)src/since-*.sql)
	@$(here)src/update script $* $(install_script) $(call installed,$*) $(call by_hand,$*) > $@.tmp
	@mv $@.tmp $@

endif
