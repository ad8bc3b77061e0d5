# margin: build, install, test.  "make help" lists the targets.

EXTENSION  = margin
MODULE_big = margin
OBJS = \
	src/decimal.o \
	src/json.o \
	src/symbol.o \
	src/flat.o \
	src/options.o \
	src/schedule.o \
	src/portfolio.o \
	src/portfolio_io.o \
	src/netting.o \
	src/market.o \
	src/rows.o \
	src/market_io.o \
	src/valuation.o \
	src/valuation_sql.o \
	src/create_views.o \
	src/explain.o \
	src/whatif.o \
	src/solve.o \
	src/solve_price.o \
	src/solve_amount.o \
	src/solve_buffer.o \
	src/plans.o \
	src/cover_plan.o \
	src/reduction_plan.o \
	src/cover.o \
	src/shock.o \
	src/stress.o \
	src/book.o \
	src/market_copy.o \
	src/guard.o \
	src/notice.o

# The install script is these parts, in this order.
SQL_PARTS = \
	src/install.sql \
	src/schedule.sql \
	src/portfolio.sql \
	src/market.sql \
	src/comparison.sql \
	src/valuation.sql \
	src/journal.sql \
	src/tables.sql \
	src/changes.sql \
	src/market_tables.sql \
	src/published.sql \
	src/create_views.sql \
	src/progress.sql \
	src/views.sql \
	src/explain.sql \
	src/whatif.sql \
	src/solve.sql \
	src/plans.sql \
	src/stress.sql \
	src/prices.sql \
	src/levels.sql \
	src/book.sql \
	src/guard.sql \
	src/cover.sql \
	src/snapshots.sql \
	src/reports.sql \
	src/report_page.sql \
	src/runs.sql
DATA_built = margin--1.0.sql

here := $(dir $(lastword $(MAKEFILE_LIST)))

# Scripts of earlier releases and the steps between releases.
DATA = $(filter-out $(DATA_built),$(notdir $(wildcard $(here)margin--*.sql)))

REGRESS = $(sort $(basename $(notdir $(wildcard $(here)sql/*.sql))))
REGRESS_OPTS = --load-extension=margin

# -Wno-unused-parameter: inline functions in the server's headers have some.
# WERROR= builds with a compiler whose new warnings nobody has seen yet.
WERROR = -Werror
PG_CFLAGS = -O2 -Wall -Wextra $(WERROR) -Wno-unused-parameter

# FORCE_NUMERIC=1: every decimal takes the slow, arbitrary-precision path.
ifneq (,$(FORCE_NUMERIC))
PG_CPPFLAGS += -DDECIMAL_FORCE_NUMERIC
endif

# PG_CONFIG if given, else the first pg_config that has server headers; empty
# when there is none yet.
found := $(shell PG_CONFIG='$(PG_CONFIG)' $(here)test/packages find)

# These run scripts, which call make again for what they need built.  They
# are kept apart from PGXS because it has a "check" of its own and because
# the server's headers may have to be installed first.
own = help packages check demo demo-stop report bench

ifneq (,$(filter $(own),$(MAKECMDGOALS))$(if $(found),,missing))

.PHONY: $(own) packages-build
.NOTPARALLEL:
.DEFAULT_GOAL = all

DEMO_DIR = /tmp/margin-demo-$(shell id -u)
REPORT = margin-report.html
ACCOUNTS =

# What the scripts look at, beside what make passes down by itself.
run = MAKE='$(MAKE)' PG_CONFIG='$(or $(found),$(PG_CONFIG))' $(here)test

# PGXS's targets, once there is a PGXS.
rest = $(filter-out $(own) $(if $(found),,clean),$(or $(MAKECMDGOALS),all))
.PHONY: $(rest)
$(rest): packages-build
	@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) $@

ifeq (,$(found))
clean:
	rm -f $(OBJS) $(OBJS:.o=.bc) src/.built-with $(MODULE_big).so $(DATA_built)
endif

packages-build:
	@$(run)/packages build

packages:
	@$(run)/packages test

check: packages
	@CHECK='$(CHECK)' FORCE_NUMERIC='$(FORCE_NUMERIC)' $(run)/check

demo: packages
	@$(run)/demo/run $(DEMO_DIR)

report: packages
	@$(run)/demo/page $(DEMO_DIR) '$(abspath $(REPORT))'

demo-stop:
	@$(run)/server remove $(DEMO_DIR)

bench: packages
	@ACCOUNTS='$(ACCOUNTS)' $(run)/bench/run

help:
	@echo 'make              build'
	@echo 'make install      install into the server that pg_config names'
	@echo 'make installcheck regression tests in an installed, running server'
	@echo 'make check        all tests, in throwaway servers'
	@echo '                  CHECK="schedule t/010_property.pl" only these'
	@echo '                  FORCE_NUMERIC=1 only with the fast arithmetic off'
	@echo 'make demo         a book of accounts in a server of its own'
	@echo 'make report       a risk report of it as a page, REPORT=margin-report.html'
	@echo 'make demo-stop    stop that server and remove it'
	@echo 'make bench        measure; ACCOUNTS=200000 sets the size'
	@echo 'make lint         clang, cppcheck and shellcheck, those that are there'
	@echo 'make clean        remove what was built'
	@echo
	@echo 'PG_CONFIG=/path/to/pg_config chooses the server.  all, check, demo and'
	@echo 'bench install missing Debian or Ubuntu packages by apt; nothing is'
	@echo 'asked of apt when nothing is missing.'

else

PG_CONFIG := $(found)
EXTRA_CLEAN = src/.built-with
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Debian's PGXS tracks no dependencies: any header rebuilds every object, and
# so do another server or other flags.
$(OBJS) $(OBJS:.o=.bc): $(wildcard $(srcdir)/src/*.h) src/.built-with
src/.built-with: FORCE | $(CURDIR)/src
	@echo '$(VERSION) $(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ \
		|| echo '$(VERSION) $(CC) $(CPPFLAGS) $(CFLAGS)' > $@
# Absolute, or make finds the directory of the sources when building elsewhere.
$(CURDIR)/src:
	@mkdir -p $@
.PHONY: FORCE

$(DATA_built): $(SQL_PARTS)
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION margin" to load this file. \quit'; \
	   for part in $^; do echo; cat $$part || exit 1; done; } > $@.tmp
	@mv $@.tmp $@

# Whichever of these tools are there.  -Wno-ignored-attributes: the server's
# pg_attribute_... on inline functions.  The suppressed checks of cppcheck take
# every "fill(&local)" for a use of it; gcc's -Wmaybe-uninitialized does not.
lint_cflags = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-ignored-attributes
scripts = $(shell grep -lE '^\#!.*(ba)?sh$$' $(here).ci/* $(here)test/* $(here)test/*/* 2>/dev/null)
.PHONY: lint
lint:
	@if command -v clang >/dev/null; then set -x; \
		clang -fsyntax-only $(CPPFLAGS) $(lint_cflags) $(OBJS:%.o=$(here)%.c); fi
	@if command -v cppcheck >/dev/null; then set -x; \
		cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability \
			--suppress=uninitvar --suppress=ctuuninitvar --suppress=legacyUninitvar $(here)src; fi
	@if command -v shellcheck >/dev/null; then set -x; shellcheck $(scripts); fi

endif
