"""Room 3: from rows of the feature view to a model that can be trusted, in the order in which the data walks.

columns → derive → features → matrix      rows as numbers and codes, by one table of declarations
sample → recipes (logistic, boosting)     training on temporal slices; calibrate; predict
explain, facts                            why a row got its probability, in sentences that add up
bundle, document, golden, forest, ubj     a model as a folder of plain data, verified when it is loaded
store, gate                               versions, the champion, and what may become it
folds, backtest, metrics, report          how good it is
notebook                                  a plain scikit-learn model for others; never read here
"""
