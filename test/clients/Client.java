// What an application does, by JDBC; test/t/039_clients.pl says what it must print.
//
//   java -cp postgresql.jar Client.java URL
import java.math.BigDecimal;
import java.sql.*;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Client {
    static Connection connection;

    static ResultSet query(String sql, String argument) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        if (argument != null) {
            statement.setString(1, argument);
        }
        ResultSet result = statement.executeQuery();
        result.next();
        return result;
    }

    public static void main(String[] arguments) throws SQLException {
        connection = DriverManager.getConnection(arguments[0]);
        System.out.println("level " + query("SELECT count(*) FROM desk.account_margin WHERE level = ?", "liquidation").getInt(1));
        try {
            query("SELECT count(*) FROM desk.account_margin WHERE level >= ?", "liqidation");
        } catch (SQLException error) {
            System.out.println("unknown " + error.getSQLState());
        }
        connection.setAutoCommit(false);
        try (PreparedStatement update = connection.prepareStatement("UPDATE desk.balance SET quantity = quantity - ? WHERE account_id = 1")) {
            update.setBigDecimal(1, new BigDecimal("5000"));
            update.executeUpdate();
            connection.commit();
        } catch (PSQLException error) {
            ServerErrorMessage said = error.getServerErrorMessage();
            System.out.println(String.join(" ", "refused", said.getSQLState(), said.getSchema(), said.getTable(), said.getColumn(), said.getConstraint()));
        }
        connection.rollback();
        String portfolio = query("SELECT to_json(portfolio) FROM desk.account_portfolio WHERE account_id = 1", null).getString(1);
        System.out.println("balance " + query("SELECT ?::jsonb #>> '{balances,USDT}'", portfolio).getBigDecimal(1));
        System.out.println("sent " + query("SELECT ?::jsonb::margin.portfolio::text", portfolio).getString(1));
    }
}
