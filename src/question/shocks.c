/*
 * shocks.c
 *		Many scenarios of one market, laid out for value_bound().
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "question/shocks.h"

static Size
put_bytes(StringInfo block, const void *bytes, Size size)
{
	static const char padding[MAXIMUM_ALIGNOF] = {0};
	Size		offset = block->len;

	appendBinaryStringInfo(block, bytes, size);
	appendBinaryStringInfo(block, padding, MAXALIGN(block->len) - block->len);
	return offset;
}

/* Copies a number from the shocked market to a record in the block. */
static void
put_number(StringInfo block, Size offset, const Decimal *stored, const Market *shocked)
{
	Decimal		buffer;
	const Decimal *value = dec_flat(stored, shocked, &buffer);
	char	   *extra;

	enlargeStringInfo(block, dec_flat_extra(value));
	extra = block->data + block->len;
	block->len += dec_flatten((Decimal *) (block->data + offset), value, block->data, extra) - extra;
}

static void
put_asset_prices(StringInfo block, Size offset, const MarketAsset *asset, const Market *shocked)
{
	((MarketAsset *) (block->data + offset))->priced = asset->priced;
	((MarketAsset *) (block->data + offset))->doubtful = asset->doubtful;
	put_number(block, offset + offsetof(MarketAsset, price), &asset->price, shocked);
	put_number(block, offset + offsetof(MarketAsset, low), &asset->low, shocked);
	put_number(block, offset + offsetof(MarketAsset, high), &asset->high, shocked);
	put_number(block, offset + offsetof(MarketAsset, initial_liability_price), &asset->initial_liability_price, shocked);
	put_number(block, offset + offsetof(MarketAsset, liability_price), &asset->liability_price, shocked);
	put_number(block, offset + offsetof(MarketAsset, requirement_price), &asset->requirement_price, shocked);
}

static void
put_contract_prices(StringInfo block, Size offset, const MarketContract *contract, const Market *shocked)
{
	((MarketContract *) (block->data + offset))->marked = contract->marked;
	put_number(block, offset + offsetof(MarketContract, mark), &contract->mark, shocked);
	put_number(block, offset + offsetof(MarketContract, unit_notional), &contract->unit_notional, shocked);
}

/* Copies the prices of a market that was built anew to records in the block. */
static void
put_prices(StringInfo block, const ShockRecords *shock, const Market *shocked)
{
	for (uint32 i = 0; i < shocked->nassets; i++)
		put_asset_prices(block, shock->assets + i * sizeof(MarketAsset), &market_assets(shocked)[i], shocked);
	for (uint32 i = 0; i < shocked->ncontracts; i++)
		put_contract_prices(block, shock->contracts + i * sizeof(MarketContract), &market_contracts(shocked)[i], shocked);
}

/*
 * Lays out a market in scenarios, in the current context; "scratch" is of one scenario, and reset.
 * Prices are moved in a copy of the market, whose records are those of the block, offsets and all.
 */
void
shocks_build(Shocks *shocks, const Market *market, Scenario *const *scenarios, int count, bool linked, MemoryContext scratch)
{
	Market	   *copy = market_copy(market);
	StringInfoData block;

	shocks->count = count;
	shocks->records = palloc(Max(count, 1) * sizeof(ShockRecords));
	initStringInfo(&block);
	put_bytes(&block, market, VARSIZE(market));
	for (int i = 0; i < count; i++)
	{
		ShockRecords *shock = &shocks->records[i];
		MemoryContext old = MemoryContextSwitchTo(scratch);
		const Market *shocked = shock_copy(copy, market, scenarios[i], linked);

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(old);
		shock->assets = put_bytes(&block, market_assets(copy), market->nassets * sizeof(MarketAsset));
		shock->contracts = put_bytes(&block, market_contracts(copy), market->ncontracts * sizeof(MarketContract));
		if (shocked != copy)
			put_prices(&block, shock, shocked);
		MemoryContextReset(scratch);
	}
	pfree(copy);
	shocks->block = block.data;
}
