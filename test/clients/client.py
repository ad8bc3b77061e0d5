# What an application does, by psycopg 3 or psycopg2; test/t/039_clients.pl says what it must print.
#
#   python3 client.py psycopg|psycopg-text|psycopg2 CONNINFO
import json
import sys
from decimal import Decimal

driver, conninfo = sys.argv[1:]
if driver == 'psycopg2':
    import psycopg2 as module
    connection = module.connect(conninfo)
else:
    import psycopg as module
    from psycopg.types.string import StrDumper
    connection = module.connect(conninfo)
    if driver == 'psycopg-text':
        connection.adapters.register_dumper(str, StrDumper)   # strings as text instead of as unknown
cursor = connection.cursor()


def sqlstate(error):
    return error.pgcode if driver == 'psycopg2' else error.sqlstate


cursor.execute('SELECT count(*) FROM desk.account_margin WHERE level = %s', ('liquidation',))
print('level', cursor.fetchone()[0])
try:
    cursor.execute('SELECT count(*) FROM desk.account_margin WHERE level >= %s', ('liqidation',))
except module.Error as error:
    print('unknown', sqlstate(error))
connection.rollback()
try:
    cursor.execute('UPDATE desk.balance SET quantity = quantity - %s WHERE account_id = 1', (Decimal('5000'),))
    connection.commit()
except module.Error as error:
    print('refused', sqlstate(error), error.diag.schema_name, error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
connection.rollback()
cursor.execute('SELECT to_json(portfolio)::text FROM desk.account_portfolio WHERE account_id = 1')
portfolio = json.loads(cursor.fetchone()[0], parse_float=Decimal, parse_int=Decimal)
print('balance', portfolio['balances']['USDT'])
cursor.execute('SELECT %s::jsonb::margin.portfolio::text', (json.dumps(portfolio, default=float),))
print('sent', cursor.fetchone()[0])
